import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs import mirror, promotion, registry, replay
from cdiscount_tasks.stages.replay import Replayed
from tests.material.registry_models import environment_in, judged_as, make_candidate
from tools import champion
from tools.airflow.home import ToolError


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Return an environment in which wine has had two champions, and a challenger that was declined."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    for name, path in (("DATA", "data"), ("REPORTS", "reports"), ("CATALOGUE", "catalogue.bson")):
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(tmp_path / path))
    for name in ("SAMPLE", "BACK_TO", "REASON", "CDISCOUNT_MLFLOW"):
        monkeypatch.delenv(name, raising=False)
    made = environment_in(tmp_path)
    first, second, third = (make_candidate(made, run_id) for run_id in ("one", "two", "three"))
    promotion.promote(first, judged_as("first"), expected=None, who="rule", environment=made)
    promotion.promote(second, judged_as(), expected=1, who="ann", reason="it is\nbetter", environment=made)
    promotion.decline(third, judged_as("no_evidence", look=2), expected=2, who="rule", environment=made)
    return made


def test_the_champion_is_printed_with_since_when_why_and_its_history(environment, monkeypatch, capsys):
    monkeypatch.setenv("SAMPLE", "wine")
    assert champion.main() == 0
    told = capsys.readouterr().out
    for words in (
        "The champion of wine is the model of run two (preset smoke).",
        "by decision 2",
        "promoted by ann: it is better",
        "better when it was promoted",
        "75.0 % of its test products, 2 classes",
        str(environment.data_dir),
    ):
        assert words in told
    rows = told.splitlines()[-4:]
    assert rows[0].split() == ["no", "when", "(UTC)", "what", "run", "verdict", "look", "by", "why"]
    assert [row.split()[0] for row in rows[1:]] == ["1", "2", "3"]
    assert "better +2.1 (+0.4 to +3.8)" in rows[2]
    assert rows[2].endswith("ann   it is better")
    assert "not promoted" in rows[3]


def test_why_is_never_cut_in_the_history(environment, monkeypatch, capsys):
    monkeypatch.setenv("SAMPLE", "wine")
    why = " ".join(f"reason{number}" for number in range(30))
    third = make_candidate(environment, "three")
    promotion.decline(third, judged_as("worse"), expected=2, who="rule", reason=why, environment=environment)
    assert champion.main() == 0
    rows = capsys.readouterr().out.splitlines()
    first = " ".join(f"reason{number}" for number in range(9))
    (row,) = [number for number, line in enumerate(rows) if line.endswith(first)]
    at = rows[row].index("reason0")
    assert " ".join(line[at:] for line in rows[row:]) == why
    assert {line[:at].strip() for line in rows[row + 1 :]} == {""}


def test_a_roll_back_names_the_systems_user_and_the_reason(environment, monkeypatch, capsys):
    for name, value in (("SAMPLE", "wine"), ("BACK_TO", "1"), ("REASON", "bottles"), ("USER", "somebody")):
        monkeypatch.setenv(name, value)
    assert champion.main() == 0
    told = capsys.readouterr().out
    assert "rolled back to decision 1 in " in told
    assert "256 recorded answers repeated" in told
    assert "The champion of wine is the model of run one" in told
    assert f"rolled back to decision 1 by {champion.system_user()}: bottles" in told
    last = registry.history("wine", environment)[-1]
    assert (last.who, last.reason) == (champion.system_user(), "bottles")
    assert last.who != "somebody"
    assert "back to 1" in told.splitlines()[-1]


def test_a_roll_back_is_mirrored_and_stands_where_that_fails(environment, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(mirror, "PYTHON", tmp_path / "no environment")
    for name, value in (("SAMPLE", "wine"), ("BACK_TO", "1"), ("CDISCOUNT_MLFLOW", "http://127.0.0.1:5000")):
        monkeypatch.setenv(name, value)
    assert champion.main() == 0
    assert "http://127.0.0.1:5000 does not show the newest decision about wine" in caplog.text
    assert registry.champion("wine", environment).run_id == "one"


def test_a_champion_that_cannot_be_used_is_reported_with_the_history_to_roll_back_by(environment, monkeypatch, capsys):
    monkeypatch.setenv("SAMPLE", "wine")
    (registry.champion("wine").path / "model.keras").unlink()
    assert champion.main() == 1
    told = capsys.readouterr().out
    assert "the champion of wine (decision 2, run two) cannot be used" in told
    assert told.splitlines()[-4].startswith("no")


def test_a_sample_without_a_champion_has_a_history_of_what_was_declined(environment, monkeypatch, capsys):
    candidate = make_candidate(environment, "four", sample_name="tea")
    promotion.decline(candidate, judged_as("worse"), expected=None, who="rule", environment=environment)
    monkeypatch.setenv("SAMPLE", "tea")
    assert champion.main() == 0
    assert "tea has no champion: no model was promoted yet" in capsys.readouterr().out


def test_a_sample_before_its_first_decision_has_no_history_yet_which_is_no_error(environment, monkeypatch, capsys):
    samples = environment.data_dir / "yaml"
    samples.mkdir(parents=True)
    (samples / "tea.yaml").write_text("name: tea\n")
    monkeypatch.setenv("CDISCOUNT_SAMPLES", str(samples))
    monkeypatch.setenv("SAMPLE", "tea")
    assert champion.main() == 0
    assert capsys.readouterr().out.startswith("tea has no champion and no history yet")
    monkeypatch.setenv("BACK_TO", "1")
    with pytest.raises(ToolError, match="tea has no champion and no history yet: there is nothing to roll back to"):
        champion.main()


def test_a_model_that_nobody_answered_about_has_that_as_its_why(environment, monkeypatch, capsys):
    monkeypatch.setenv("SAMPLE", "wine")
    found = {"reason": "Nobody answered in time.", "answer": "Keep the champion", "who": "nobody"}
    promotion.decline(make_candidate(environment, "four"), judged_as(), expected=2, environment=environment, **found)
    assert champion.main() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("nobody  Nobody answered in time.")


@pytest.mark.parametrize("name", ["", "win", "../wine"])
def test_a_sample_without_a_registry_is_refused_with_those_that_have_one(environment, monkeypatch, name):
    monkeypatch.setenv("SAMPLE", name)
    with pytest.raises(ToolError, match=r"expected a sample, as in `make champion SAMPLE=wine`; .*: wine$"):
        champion.main()


@pytest.mark.parametrize("back_to", ["two", "-1", "1.0", "²"])
def test_what_is_no_number_of_a_decision_is_refused(environment, monkeypatch, back_to):
    monkeypatch.setenv("SAMPLE", "wine")
    monkeypatch.setenv("BACK_TO", back_to)
    with pytest.raises(ToolError, match=r"BACK_TO is .*, expected the number of a decision that made a champion: 1, 2"):
        champion.main()


def test_a_decision_that_made_no_champion_is_refused(environment, monkeypatch):
    monkeypatch.setenv("SAMPLE", "wine")
    monkeypatch.setenv("BACK_TO", "3")
    with pytest.raises(ConfigError, match="decision 3 of wine made no champion"):
        champion.main()


def test_a_reason_without_a_roll_back_is_refused(environment, monkeypatch):
    monkeypatch.setenv("SAMPLE", "wine")
    monkeypatch.setenv("REASON", "bottles")
    with pytest.raises(ToolError, match="REASON is given without BACK_TO"):
        champion.main()


def test_a_process_that_dies_during_the_replay_is_a_sentence(environment, monkeypatch):
    def dies(*_):
        raise RuntimeError("the process ended with status -9; nothing was changed: try again")

    monkeypatch.setattr(replay, "replay", dies)
    monkeypatch.setenv("SAMPLE", "wine")
    monkeypatch.setenv("BACK_TO", "1")
    with pytest.raises(ToolError, match="nothing was changed"):
        champion.main()
    assert len(registry.history("wine", environment)) == 3
