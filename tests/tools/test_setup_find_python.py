import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools/find_python.sh"
FAILS = "echo 'pyenv: command not found' >&2; exit 127"


@pytest.fixture
def machine(tmp_path):
    """A machine whose PATH holds the system's small tools and no Python."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for tool in ("sh", "sort", "head", "uname", "id", "dirname"):
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
    put(machine, "python3.11", "echo usable 11 /opt/eleven")
    put(machine, "python3", "echo usable 12 /opt/twelve of many/python")
    assert find(machine).stdout == "/opt/twelve of many/python\n"


def test_3_13_is_newer_than_3_9_style_names(machine):
    put(machine, "python3.11", "echo usable 11 /opt/eleven")
    put(machine, "python3.13", "echo usable 13 /opt/thirteen")
    assert find(machine).stdout == "/opt/thirteen\n"


def test_a_python_that_lacks_venv_gives_way_to_an_older_one(machine):
    put(machine, "python3.13", "echo lacks 13 ensurepip")
    put(machine, "python3.11", "echo usable 11 /opt/eleven")
    assert find(machine).stdout == "/opt/eleven\n"


def test_the_python_of_a_standing_venv_is_kept(machine):
    put(machine, ".venv/bin/python", "echo usable 11 /opt/eleven")
    put(machine, "python3.13", "echo usable 13 /opt/thirteen")
    assert find(machine).stdout == "/opt/eleven\n"


def test_a_chosen_python_is_the_only_one_asked(machine):
    put(machine, "python3.13", "echo usable 13 /opt/thirteen")
    put(machine, "mine", "echo usable 12 /opt/mine")
    assert find(machine, PYTHON="mine").stdout == "/opt/mine\n"
    assert find(machine, PYTHON="other").returncode == 1


def test_what_pyenv_hides_is_found_where_path_has_none(machine):
    put(machine, "python3.12", FAILS)
    put(machine, "home/.pyenv/versions/3.12.9/bin/python", "echo usable 12 /opt/pyenv")
    assert find(machine).stdout == "/opt/pyenv\n"


def test_a_missing_module_is_told_with_the_command_that_brings_it(machine):
    put(machine, "python3.12", "echo lacks 12 ensurepip")
    put(machine, "apt-get", "exit 0")
    put(machine, "apt-cache", '[ "$2" = python3.12-venv ]')
    found = find(machine)
    assert found.returncode == 1
    assert "Python 3.12 lacks its module ensurepip" in found.stderr
    assert found.stderr.endswith("apt-get install python3.12-venv\n")


@pytest.mark.parametrize(
    ("tool", "command"), [("brew", "brew install python@3.13"), ("uv", "uv python install 3.13"), ("", "curl -LsSf")]
)
def test_no_python_is_one_sentence_with_one_command(machine, tool, command):
    if tool:
        put(machine, tool, "exit 0")
    found = find(machine)
    assert (found.returncode, found.stdout) == (1, "")
    assert len(found.stderr.splitlines()) == 1
    assert command in found.stderr


def test_windows_without_wsl_is_told(machine):
    (machine / "bin/uname").unlink()
    put(machine, "uname", "echo MINGW64_NT-10.0")
    assert "WSL2" in find(machine).stderr


def test_a_real_python_answers_the_probe(machine):
    put(machine, "python3", f'exec "{sys.executable}" "$@"')
    found = find(machine).stdout.strip()
    assert subprocess.run([found, "-c", "import venv"], check=False).returncode == 0
