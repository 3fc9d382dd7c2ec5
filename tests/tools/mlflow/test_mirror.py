import pytest

from tests.material.registry_models import environment_in
from tools.mlflow import mirror


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Return an environment with a server, and registries of tea and wine."""
    for name, value in (("DATA", tmp_path / "data"), ("CATALOGUE", "catalogue.bson"), ("MLFLOW", "http://127.0.0.1:5")):
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(value))
    made = environment_in(tmp_path)
    for name in ("wine", "tea"):
        (made.work_dir / "registry" / name).mkdir(parents=True)
        (made.work_dir / "registry" / name / "history.jsonl").touch()
    return made


@pytest.mark.parametrize(("fails", "told", "status"), [((), "tea, wine", 0), (("tea",), "wine", 1)])
def test_every_registry_is_mirrored_and_a_failure_stops_none(environment, monkeypatch, capsys, fails, told, status):
    monkeypatch.setattr(mirror, "mirror", lambda name, _: name not in fails)
    assert mirror.main() == status
    assert capsys.readouterr().out == f"http://127.0.0.1:5: up to date with {told}\n"


def test_without_a_server_nothing_is_mirrored(environment, monkeypatch, capsys):
    monkeypatch.delenv("CDISCOUNT_MLFLOW")
    monkeypatch.setattr(mirror, "mirror", None)
    assert mirror.main() == 0
    assert "CDISCOUNT_MLFLOW is not set" in capsys.readouterr().out
