import pytest

from cdiscount_tasks.errors import DataError
from tests.material.data_roots import DataRoot
from tools import clean_up
from tools.airflow.home import ToolError


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a data root with two runs and an artifact that nobody needs, which the environment names."""
    settings = {"DATA": "data", "REPORTS": "reports", "CATALOGUE": "catalogue.bson", "LABEL_FIXES": "fixes"}
    for name, path in settings.items():
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(tmp_path / path))
    for name in ("REMOVE", "CDISCOUNT_KEEP_RUNS"):
        monkeypatch.delenv(name, raising=False)
    made = DataRoot(tmp_path)
    made.old, made.new = made.run("old", 60), made.run("new", 30)
    made.stray = made.artifact("samples/wine", "features", "nobody's")
    return made


def test_without_remove_it_only_says(root, capsys):
    assert clean_up.main() == 0
    told = capsys.readouterr().out
    assert "nothing needs 1 folder of 0.0 MB; 12 folders of 0.0 MB stay" in told
    assert "a run that has a report" in told
    assert told.rstrip().endswith("Nothing was removed. To remove it: make clean-up REMOVE=1")
    assert root.stray.is_dir()


def test_with_remove_it_removes_and_says_what(root, monkeypatch, capsys):
    monkeypatch.setenv("REMOVE", "1")
    assert clean_up.main() == 0
    assert "removed 1 folder of 0.0 MB" in capsys.readouterr().out
    assert not root.stray.exists()
    assert root.old["model"].is_dir()


def test_the_environment_says_how_many_runs_stay(root, monkeypatch):
    monkeypatch.setenv("REMOVE", "1")
    monkeypatch.setenv("CDISCOUNT_KEEP_RUNS", "1")
    assert clean_up.main() == 0
    assert (root.old["model"].exists(), root.new["model"].exists()) == (False, True)


def test_the_exit_status_says_that_something_was_left(root, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("REMOVE", "1")
    monkeypatch.setattr(type(root.stray), "rename", refuse)
    assert clean_up.main() == 1
    assert "it cannot be removed (Permission denied)" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["yes", "2", "true"])
def test_what_is_no_yes_is_refused(root, monkeypatch, text):
    monkeypatch.setenv("REMOVE", text)
    with pytest.raises(ToolError, match=r"REMOVE is '.*', expected 1 to remove"):
        clean_up.main()


def test_a_damaged_history_is_a_sentence_and_nothing_is_removed(root, monkeypatch):
    folder = root.path / "registry" / "wine"
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("{}\n")
    monkeypatch.setenv("REMOVE", "1")
    with pytest.raises(DataError, match="nothing is removed, since the history of wine is needed"):
        clean_up.main()
    assert root.stray.is_dir()
