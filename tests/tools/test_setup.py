import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import setup, setup_needs

PIN = "--hash=sha256:" + "0" * 64


def write_locks(project_dir: Path, run: str = "", dev: str = "") -> None:
    (project_dir / "requirements.txt").write_text(f"# This file\n#    make lock\n{run}")
    (project_dir / "requirements-dev.txt").write_text(f"# This file\n#    make lock\n{dev}")


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


def test_a_lock_splits_into_pins_with_their_hashes():
    text = f"# head\na==1 \\\n    {PIN}\n    # via b\nb==2 ; python_full_version < '3.12' \\\n    {PIN}\n"
    assert list(setup.split_lock(text)) == ["a==1", "b==2 ; python_full_version < '3.12'"]
    assert "# via b" in setup.split_lock(text)["a==1"]


def test_pip_and_tensorflow_come_first_and_every_package_once(tmp_path):
    write_locks(
        tmp_path, f"a==1 \\\n    {PIN}\ntensorflow==2 \\\n    {PIN}\n", f"a==1 \\\n    {PIN}\npip==3 \\\n    {PIN}\n"
    )
    assert [list(part) for part in setup.read_parts(tmp_path)] == [["pip==3"], ["tensorflow==2"], ["a==1"]]


def test_the_projects_locks_hold_pip_and_tensorflow():
    parts = setup.read_parts(setup.PROJECT_DIR)
    assert [next(iter(part)).split("==")[0] for part in parts[:2]] == ["pip", "tensorflow"]


def test_the_projects_locks_name_no_host_and_hash_every_package():
    for name in setup.LOCKS:
        text = (setup.PROJECT_DIR / name).read_text()
        assert "://" not in text
        assert all("--hash=sha256:" in block for block in setup.split_lock(text).values())


def test_a_state_is_current_until_a_lock_changes(tmp_path):
    write_locks(tmp_path)
    (tmp_path / ".venv").mkdir()
    setup.write_state(tmp_path, setup.wanted_state(tmp_path))
    assert setup.main(["--check"], tmp_path) == 0
    write_locks(tmp_path, run="# changed\n")
    assert setup.main(["--check"], tmp_path) == 1


def test_a_torn_state_counts_as_none(tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / setup.STATE).write_text('{"python": "3.')
    assert setup.read_state(tmp_path) == {}


def test_pip_keeps_the_users_index_and_patience(tmp_path):
    environ = setup.pip_environment(
        tmp_path, {"PIP_INDEX_URL": "https://mirror.example", "PIP_RETRIES": "3", "PIP_TARGET": "/elsewhere"}
    )
    assert (environ["PIP_INDEX_URL"], environ["PIP_RETRIES"]) == ("https://mirror.example", "3")
    assert environ["PIP_RESUME_RETRIES"] == "100"
    assert "PIP_TARGET" not in environ


def test_a_full_disk_ends_the_set_up_before_anything_is_made(tmp_path, monkeypatch, capsys):
    write_locks(tmp_path)
    usage = setup.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    assert setup.main([], tmp_path) == 1
    assert "1.0 GB are free, expected at least" in capsys.readouterr().err
    assert not (tmp_path / ".venv").exists()


def test_packages_whose_installation_was_cut_off_are_forgotten(tmp_path):
    site_dir = tmp_path / "lib/python3.12/site-packages"
    for name in ("whole-1.dist-info", "cut-1.dist-info", "~umpy"):
        (site_dir / name).mkdir(parents=True)
    (site_dir / "whole-1.dist-info/INSTALLER").touch()
    setup.remove_unfinished_packages(tmp_path)
    assert [path.name for path in site_dir.iterdir()] == ["whole-1.dist-info"]


def test_a_second_set_up_waits_for_the_first(tmp_path):
    code = (
        f"from pathlib import Path\nfrom tools import setup\nwith setup.only_one(Path({str(tmp_path)!r})): print('in')"
    )
    with setup.only_one(tmp_path):
        other = subprocess.Popen([sys.executable, "-c", code], cwd=setup.PROJECT_DIR, stdout=subprocess.PIPE, text=True)
        assert "waiting" in other.stdout.readline()
    assert other.communicate(timeout=10)[0] == "in\n"


@pytest.fixture(scope="module")
def made_environment(tmp_path_factory):
    """A project whose lock pins one tiny wheel, set up once, and a function that sets it up again."""
    project_dir = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setup_needs, "check_disk", lambda *_: None)
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(project_dir))
        write_locks(project_dir, run=write_wheel(project_dir, "tiny"))
        assert setup.main([], project_dir) == 0
        yield project_dir


def test_a_set_up_installs_what_the_lock_pins(made_environment):
    python = made_environment / ".venv/bin/python"
    assert subprocess.check_output([python, "-c", "import tiny; print(tiny.ANSWER)"], text=True) == "42\n"


def test_a_set_up_that_stands_says_and_does_nothing(made_environment, capfd):
    assert setup.main([], made_environment) == 0
    assert capfd.readouterr().out == ""


def test_a_half_made_environment_is_mended(made_environment):
    (record_dir,) = made_environment.glob(".venv/lib/python3*/site-packages/tiny-1.0.dist-info")
    (record_dir / "INSTALLER").unlink()
    (made_environment / ".venv" / setup.STATE).unlink()
    assert setup.main([], made_environment) == 0
    assert (record_dir / "INSTALLER").is_file()


def test_a_wheel_with_another_hash_is_refused(made_environment, capfd):
    write_wheel(made_environment, "swapped")
    write_locks(made_environment, run=f"swapped==1.0 \\\n    {PIN}\n")
    assert setup.main([], made_environment) == 1
    assert "run `make setup` again" in capfd.readouterr().err
    assert not list(made_environment.glob(".venv/lib/python3*/site-packages/swapped*"))
