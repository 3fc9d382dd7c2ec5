import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "tools/setup/find_python.sh"
FAILS = "echo 'pyenv: command not found' >&2; exit 127"


@pytest.fixture
def machine(tmp_path):
    """A machine whose PATH holds the system's small tools and no Python."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for tool in ("sh", "sort", "tail", "cut", "sed", "id"):
        found = next(path for folder in ("/bin", "/usr/bin") if (path := Path(folder) / tool).exists())
        (bin_dir / tool).symlink_to(found)
    return tmp_path


def put(machine: Path, name: str, body: str) -> None:
    path = machine / name if "/" in name else machine / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def find(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(machine / "bin"), "HOME": str(machine / "home"), **variables}
    return subprocess.run(["sh", SCRIPT], cwd=machine, env=environ, capture_output=True, text=True, check=False)


def test_the_newest_python_that_starts_is_found(machine):
    put(machine, "python3.13", FAILS)
    put(machine, "python3.12", "echo '/opt/twelve of many/python'")
    put(machine, "python3.11", "echo /opt/eleven")
    assert find(machine).stdout == "/opt/twelve of many/python\n"


def test_the_python_of_the_present_venv_is_kept(machine):
    put(machine, ".venv/bin/python", "echo /opt/eleven")
    put(machine, "python3.13", "echo /opt/thirteen")
    assert find(machine).stdout == "/opt/eleven\n"


def test_a_chosen_python_is_the_only_one_asked(machine):
    put(machine, "python3.13", "echo /opt/thirteen")
    put(machine, "mine", "echo /opt/mine")
    assert find(machine, PYTHON="mine").stdout == "/opt/mine\n"
    assert "PYTHON=other does not do" in find(machine, PYTHON="other").stderr


def test_what_pyenv_hides_is_found_where_path_has_none(machine):
    put(machine, "python3.12", FAILS)
    put(machine, "home/.pyenv/versions/3.12.9/bin/python", "echo /found/there")
    assert find(machine).stdout == "/found/there\n"


def test_debian_is_told_the_newest_package_that_it_has(machine):
    put(machine, "python3.12", FAILS)
    put(machine, "apt-get", "exit 0")
    put(machine, "apt-cache", "echo python3.12-venv - for Python; echo python3.11-venv - for Python")
    assert find(machine).stderr.endswith("apt-get install python3.12-venv\n")
    put(machine, "apt-cache", "exit 0")
    assert find(machine).stderr.endswith("apt-get install python3-venv\n")


@pytest.mark.parametrize(
    ("tool", "command"), [("brew", "brew install python@3.13"), ("dnf", "dnf install python3.12"), ("", "curl -LsSf")]
)
def test_no_python_is_one_sentence_with_one_command(machine, tool, command):
    if tool:
        put(machine, tool, "exit 0")
    found = find(machine)
    assert (found.returncode, found.stdout) == (1, "")
    assert len(found.stderr.splitlines()) == 1
    assert command in found.stderr


def test_a_real_python_answers_the_probe(machine):
    put(machine, "python3", f'exec "{sys.executable}" "$@"')
    found = find(machine).stdout.strip()
    assert subprocess.run([found, "-c", "import venv"], check=False).returncode == 0
