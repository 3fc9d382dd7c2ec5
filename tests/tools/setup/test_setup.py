import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.setup import setup

pytestmark = pytest.mark.slow

PIN = "--hash=sha256:" + "0" * 64


def write_locks(project_dir: Path, run: str = "") -> None:
    (project_dir / "requirements.txt").write_text(f"# This file\n#    make lock\n{run}")
    (project_dir / "requirements-dev.txt").write_text(f"# This file\n#    make lock\n{run}")


def write_wheel(folder: Path, name: str) -> str:
    """Write a wheel with one module; returns the lock's lines for it."""
    record = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "ANSWER = 42\n",
        f"{record}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{record}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},"
        f"{len(text)}\n"
        for path, text in files.items()
    )
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**files, f"{record}/RECORD": f"{rows}{record}/RECORD,,\n"}.items():
            archive.writestr(inner, text)
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n    # via test\n"


def test_the_readme_names_the_sizes_that_the_set_up_does():
    readme = (setup.PROJECT_DIR / "README.md").read_text(encoding="utf-8")
    assert f"TensorFlow alone is {setup.TENSORFLOW_GB} GB; up to {setup.VENV_GB} GB of disk in all" in readme


def start(project_dir: Path, **variables: str) -> "subprocess.Popen[str]":
    """Start a set-up in a process of its own."""
    code = f"from pathlib import Path; from tools.setup import setup; setup.main(Path({str(project_dir)!r}))"
    environ = {**os.environ, "PIP_NO_INDEX": "0", "PIP_RETRIES": "0", **variables}
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code], cwd=setup.PROJECT_DIR, env=environ, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def answer(project_dir: Path) -> str:
    """Return what the installed module says."""
    python = project_dir / ".venv" / "bin" / "python"
    return subprocess.check_output([python, "-I", "-c", "import tiny; print(tiny.ANSWER)"], text=True)


@pytest.fixture(scope="module")
def wheels_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="module", autouse=True)
def _offline(wheels_dir):
    """Let set-ups of tiny locks run on any disk, from wheels of this test alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**13, 0, 10**13))
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels_dir))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory, wheels_dir):
    """A project whose locks pin one tiny wheel, set up once, in a folder and an environment that are hostile."""
    project_dir = tmp_path_factory.mktemp("a project, 100% of what?")
    write_locks(project_dir, write_wheel(wheels_dir, "tiny"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
            patch.setenv(name, "/nonsense")
        patch.setenv("PIP_USER", "1")
        patch.delenv("HOME", raising=False)
        setup.main(project_dir)
    return project_dir


@pytest.fixture
def project_dir(made):
    """The project that was set up; its locks and its stamp are put back."""
    before = {made / name: (made / name).read_bytes() for name in (*setup.LOCKS, ".venv/setup.stamp")}
    yield made
    for path, content in before.items():
        path.write_bytes(content)


def test_the_projects_locks_name_no_host_and_hash_every_package():
    for name in setup.LOCKS:
        text = (setup.PROJECT_DIR / name).read_text()
        assert "://" not in text
        packages = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
        assert packages
        assert all("--hash=sha256:" in package for package in packages)


def test_a_set_up_installs_what_the_lock_pins(made):
    assert answer(made) == "42\n"


def test_a_set_up_that_is_current_says_and_does_nothing(made, capfd):
    setup.main(made)
    assert capfd.readouterr().out == ""


def test_a_changed_lock_is_installed_over_what_the_user_added(project_dir, wheels_dir, capfd):
    (project_dir / ".venv" / "added").touch()
    write_locks(project_dir, (project_dir / setup.LOCKS[0]).read_text() + write_wheel(wheels_dir, "second"))
    setup.main(project_dir)
    assert "to fetch" in capfd.readouterr().out
    assert list(project_dir.glob(".venv/lib/python3*/site-packages/second.py"))
    assert (project_dir / ".venv" / "added").exists()


def test_a_wheel_with_a_different_hash_is_refused_and_the_environment_not_current(project_dir, wheels_dir):
    lock = (project_dir / setup.LOCKS[0]).read_text()
    write_wheel(wheels_dir, "swapped")
    write_locks(project_dir, f"swapped==1.0 \\\n    {PIN}\n")
    with pytest.raises(SystemExit, match="pip says above why"):
        setup.main(project_dir)
    write_locks(project_dir, lock)
    assert not setup.is_current(project_dir)


def test_a_network_that_is_away_ends_in_a_sentence(project_dir, monkeypatch):
    for name, value in {"PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "0", "PIP_NO_INDEX": "0"}.items():
        monkeypatch.setenv(name, value)
    write_locks(project_dir, f"absent==1.0 \\\n    {PIN}\n")
    with pytest.raises(SystemExit, match="if it is the network, check HTTPS_PROXY"):
        setup.main(project_dir)


def test_a_second_set_up_waits_as_long_as_the_pip_of_a_killed_one_works(project_dir):
    """The index is a socket that never answers: pip waits for it until the socket is closed."""
    write_locks(project_dir, f"absent==1.0 \\\n    {PIN}\n")
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(60)
        first = start(project_dir, PIP_INDEX_URL=f"http://127.0.0.1:{index.getsockname()[1]}")
        connection, _ = index.accept()
        first.kill()
        second = start(project_dir, PIP_INDEX_URL="http://127.0.0.1:9")
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
        connection.close()
    assert "set-up of" in second.stdout.readline()
    second.kill()
    for process in (first, second):
        process.communicate(timeout=60)


def test_a_set_up_that_was_stopped_starts_over(project_dir):
    (project_dir / ".venv" / "half made").touch()
    (project_dir / ".venv" / "setup.stamp").unlink()
    setup.main(project_dir)
    assert answer(project_dir) == "42\n"
    assert not (project_dir / ".venv" / "half made").exists()


def test_an_environment_that_was_copied_is_made_anew(made, tmp_path):
    shutil.copytree(made, tmp_path / "copy", symlinks=True)
    setup.main(tmp_path / "copy")
    assert str(tmp_path) in subprocess.check_output([tmp_path / "copy" / ".venv" / "bin" / "pip", "-V"], text=True)


def test_an_environment_whose_python_is_gone_is_not_current(project_dir):
    """What `.venv/bin/python` leads to is removed when a distribution is upgraded, or a Python of pyenv deleted."""
    python = project_dir / ".venv" / "bin" / "python"
    leads_to = python.readlink()
    python.unlink()
    python.symlink_to(project_dir / "no python")
    gone = setup.is_current(project_dir)
    python.unlink()
    python.symlink_to(leads_to)
    assert (gone, setup.is_current(project_dir)) == (False, True)


def test_nothing_is_installed_into_what_a_link_leads_to(tmp_path, monkeypatch):
    """The Python ends at once: what is tried here is the place, and an environment takes three seconds to make."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / ".venv").symlink_to(tmp_path / "theirs")
    write_locks(tmp_path)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(SystemExit, match="false -m venv fails and says above why"):
        setup.make_venv(tmp_path)
    assert not (tmp_path / ".venv").is_symlink()
    assert not list((tmp_path / "theirs").iterdir())


def test_a_full_disk_ends_the_set_up_before_anything_is_made(tmp_path, monkeypatch):
    write_locks(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**10, 9 * 10**9, 10**9))
    with pytest.raises(SystemExit, match=r"1\.0 GB are free, expected at least 4\.5 GB"):
        setup.main(tmp_path)
    assert not (tmp_path / ".venv").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    write_locks(tmp_path)
    (tmp_path / ".setup").write_text("no folder")
    with pytest.raises(SystemExit, match=r"\.setup.*look there for rights"):
        setup.main(tmp_path)


@pytest.mark.parametrize(
    "platform",
    [("Linux", "x86_64", ("glibc", "2.36")), ("Linux", "aarch64", ("glibc", "2.28")), ("Darwin", "arm64", ("", ""))],
)
def test_platforms_with_a_tensorflow_wheel_are_taken(platform):
    setup.check_platform(*platform)


@pytest.mark.parametrize(
    "platform",
    [
        ("Windows", "AMD64", ("", "")),
        ("Darwin", "x86_64", ("", "")),
        ("Linux", "armv7l", ("glibc", "2.36")),
        ("Linux", "x86_64", ("", "")),
        ("Linux", "x86_64", ("glibc", "2.17")),
    ],
)
def test_other_platforms_are_refused_with_the_way_out(platform):
    with pytest.raises(SystemExit, match=f"{platform[0]} on {platform[1]}.*WSL2"):
        setup.check_platform(*platform)
