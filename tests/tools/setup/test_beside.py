import subprocess
import sys

import pytest

from tools.setup import beside, setup

pytestmark = pytest.mark.slow


@pytest.fixture
def project_dir(tmp_path, monkeypatch):
    """Return a project whose lock names nothing, where no package is installed: what is tried is when it would be."""
    installed = []
    monkeypatch.setattr(beside, "install", lambda *what, venv: installed.append((*what[1:], venv)))
    (tmp_path / "lock.txt").write_text("# nothing\n")
    return tmp_path, installed


def test_an_environment_is_made_once_for_a_lock(project_dir):
    folder, installed = project_dir
    for _ in range(2):
        beside.make_beside(folder, ".venv-x", "lock.txt")
    assert installed == [("lock.txt", ".venv-x")]
    assert subprocess.run([folder / ".venv-x" / "bin" / "python", "-c", ""], check=False).returncode == 0
    (folder / ".venv-x" / "old").touch()
    (folder / "lock.txt").write_text("# another nothing\n")
    beside.make_beside(folder, ".venv-x", "lock.txt")
    assert len(installed) == 2
    assert not (folder / ".venv-x" / "old").exists()


def test_an_environment_of_two_locks_is_made_anew_when_either_changes(project_dir):
    folder, installed = project_dir
    (folder / "more.txt").write_text("# nothing more\n")
    for text in ("# nothing more\n", "# nothing more\n", "# something else\n"):
        (folder / "more.txt").write_text(text)
        beside.make_beside(folder, ".venv-x", "lock.txt", "more.txt")
    assert installed == 2 * [("lock.txt", "more.txt", ".venv-x")]


def test_an_environment_that_was_cut_off_or_moved_is_made_anew(project_dir, monkeypatch):
    folder, installed = project_dir

    def dies(*_, venv):
        sys.exit("pip says above why")

    with monkeypatch.context() as patch:
        patch.setattr(beside, "install", dies)
        with pytest.raises(SystemExit, match="pip says above why"):
            beside.make_beside(folder, ".venv-x", "lock.txt")
    beside.make_beside(folder, ".venv-x", "lock.txt")
    (folder / ".venv-x").rename(folder / ".venv-y")
    beside.make_beside(folder, ".venv-y", "lock.txt")
    assert [venv for _, venv in installed] == [".venv-x", ".venv-y"]


@pytest.mark.parametrize(
    "name",
    [
        "requirements-control.txt",
        "requirements-export.txt",
        "requirements-lineage.txt",
        "requirements-fleet.txt",
        "requirements-mlflow.txt",
        "requirements-sbom.txt",
        *(
            f"tests/material/{one}.txt"
            for one in ("deploy_checks", "hub", "litert_alone", "mlflow_server", "onnx_alone")
        ),
    ],
)
def test_the_locks_name_no_host(name):
    assert "://" not in (setup.PROJECT_DIR / name).read_text()
