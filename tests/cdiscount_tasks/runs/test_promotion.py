import shutil
import time
from pathlib import Path

import pytest

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import history, promotion, registry, replay
from cdiscount_tasks.runs.decisions import Candidate, ChampionMovedError
from tests.material.registry_models import environment_in, judged_as, make_candidate

IN_BOTH = pytest.mark.parametrize("promoted", ["disk", pytest.param("bucket", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture
def roll_back(promoted):
    def back(decision, **facts):
        wanted = {"who": "ann", "reason": "it fails on bottles", **facts}
        return promotion.roll_back("wine", decision, environment=promoted.environment, **wanted)

    return back


def champion_of(promoted):
    return registry.champion("wine", promoted.environment).run_id


@IN_BOTH
def test_a_promotion_keeps_what_was_judged_who_decided_and_by_what_the_model_is_known_again(promoted):
    promoted("first")
    entry = promoted("second", who="ann", answer="approve", reason="as the page says")
    assert (entry.number, entry.kind, entry.outcome, entry.champion) == (2, "decision", "promoted", 1)
    assert (entry.who, entry.answer, entry.reason) == ("ann", "approve", "as the page says")
    assert entry.judged == judged_as()
    assert entry.model.num_repeated == 256
    assert registry.history("wine", promoted.environment)[1] == entry


@IN_BOTH
def test_a_promotion_that_was_judged_against_another_champion_changes_nothing(promoted):
    promoted("first")
    promoted("second")
    with pytest.raises(ChampionMovedError, match=r"decision 2 .*run second.*, expected decision 1"):
        promoted("third", expected=1)
    with pytest.raises(ChampionMovedError, match="expected no champion"):
        promoted("third", expected=None)
    assert champion_of(promoted) == "second"
    assert len(registry.history("wine", promoted.environment)) == 2


@IN_BOTH
def test_a_champion_that_is_promoted_during_the_replay_is_seen(promoted, monkeypatch):
    promoted("first")
    quick = replay.replay

    def slow(*folders):
        monkeypatch.setattr(replay, "replay", quick)
        promoted("second")
        return quick(*folders)

    monkeypatch.setattr(replay, "replay", slow)
    with pytest.raises(ChampionMovedError, match="run second"):
        promoted("third", expected=1)
    assert champion_of(promoted) == "second"


@IN_BOTH
def test_the_same_promotion_again_is_the_one_that_was_made(promoted):
    promoted("first")
    entry = promoted("second")
    assert promoted("second", expected=1) == entry
    assert len(registry.history("wine", promoted.environment)) == 2


@IN_BOTH
def test_a_task_that_is_tried_again_after_a_roll_back_does_not_undo_it(promoted, roll_back):
    promoted("first")
    promoted("second")
    roll_back(1)
    with pytest.raises(ChampionMovedError, match="decision 3"):
        promoted("second", expected=1)
    assert champion_of(promoted) == "first"


@IN_BOTH
def test_a_model_that_answers_differently_is_not_promoted(promoted, monkeypatch):
    def differs(*_):
        raise DataError("model.keras: gives image 0 of product 5 the probability 0.3")

    promoted("first")
    monkeypatch.setattr(replay, "replay", differs)
    with pytest.raises(DataError, match="gives image 0"):
        promoted("second")
    assert champion_of(promoted) == "first"


def test_a_model_that_is_missing_is_not_promoted(promoted):
    candidate = make_candidate(promoted.environment, "first")
    shutil.rmtree(promoted.environment.work_dir / candidate.model)
    with pytest.raises(DataError, match="no finished artifact stands there"):
        promotion.promote(candidate, judged_as(), expected=None, who="rule", environment=promoted.environment)
    assert registry.champion("wine", promoted.environment) is None


@IN_BOTH
def test_what_reads_back_differently_is_an_error(promoted, monkeypatch):
    promoted("first")
    monkeypatch.setattr(history, "write_champion_file", lambda *_: None)
    with pytest.raises(DataError, match=r"champion.json: reads back as decision 1, expected 2"):
        promoted("second")


@IN_BOTH
def test_a_decline_is_recorded_once_and_changes_no_champion(promoted):
    promoted("first")
    facts = {"expected": 1, "who": "rule", "reason": "no evidence", "environment": promoted.environment}
    candidate = make_candidate(promoted.environment, "second")
    entry = promotion.decline(candidate, judged_as("no_evidence"), **facts)
    assert (entry.number, entry.outcome, entry.champion, entry.model) == (2, "not_promoted", 1, None)
    assert promotion.decline(candidate, judged_as("no_evidence"), **facts) == entry
    assert promotion.decline(candidate, judged_as("no_evidence"), **{**facts, "who": "ann"}).number == 3
    assert champion_of(promoted) == "first"


@IN_BOTH
def test_a_champion_that_was_made_again_is_kept(promoted):
    promoted("first")
    candidate = make_candidate(promoted.environment, "first")
    entry = promotion.decline(
        candidate, judged_as("no_evidence"), expected=1, who="rule", kept=True, environment=promoted.environment
    )
    assert entry.outcome == "kept"


@IN_BOTH
def test_a_roll_back_is_a_decision_like_the_others(promoted, roll_back):
    promoted("first")
    promoted("second")
    entry = roll_back(1)
    assert (entry.number, entry.kind, entry.back_to, entry.champion) == (3, "roll_back", 1, 2)
    assert (entry.who, entry.reason, entry.verdict) == ("ann", "it fails on bottles", "better")
    found = registry.champion("wine", promoted.environment)
    assert (found.run_id, found.decision, found.verdict, found.since) == ("first", 3, "better", entry.at)
    assert promoted("third").champion == 3


@IN_BOTH
def test_a_roll_back_to_a_roll_back_names_the_decision_that_promoted(promoted, roll_back):
    promoted("first")
    promoted("second")
    roll_back(1)
    assert roll_back(2).number == 4
    assert roll_back(3).back_to == 1
    assert champion_of(promoted) == "first"


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (3, r"the model of decision 3 of wine is the champion already \(decision 3, since .*\) and whole: nothing was"),
        (2, r"decision 2 of wine made no champion; those that did, before the present one: 1$"),
        (9, "decision 9 of wine made no champion"),
        (0, "decision 0 of wine made no champion"),
    ],
)
@IN_BOTH
def test_a_roll_back_to_what_is_no_earlier_champion_is_refused(promoted, roll_back, decision, words):
    promoted("first", decline_after=True)
    promoted("second")
    with pytest.raises(ConfigError, match=words):
        roll_back(decision)
    assert len(registry.history("wine", promoted.environment)) == 3


@IN_BOTH
def test_a_roll_back_to_the_model_that_a_roll_back_made_champion_is_refused(promoted, roll_back):
    promoted("first")
    promoted("second")
    roll_back(1)
    with pytest.raises(ConfigError, match="the model of decision 1 of wine is the champion already"):
        roll_back(1)


@IN_BOTH
def test_of_many_earlier_champions_a_refusal_names_the_first_and_the_last(promoted, roll_back):
    for number in range(12):
        promoted(f"run {number % 2}")
    with pytest.raises(ConfigError, match=r"one: 1, 2, \.\.\., 9, 10, 11 \(11 in all: `make champion SAMPLE=wine`"):
        roll_back(99)


def test_a_roll_back_to_the_champion_itself_says_that_it_is_damaged(promoted, roll_back):
    promoted("first")
    model = promoted("second").candidate.model
    (promoted.environment.work_dir / model / "model.keras").unlink()
    with pytest.raises(DataError, match=r"of wine \(decision 2, run second\) cannot be used: .*BACK_TO=1`$"):
        roll_back(2)
    assert len(registry.history("wine", promoted.environment)) == 2


@IN_BOTH
def test_without_a_history_there_is_nothing_to_roll_back_to(roll_back, promoted):
    with pytest.raises(ConfigError, match="before the present one: none yet"):
        roll_back(1)
    assert not promoted.folder.exists()


def test_a_roll_back_to_a_model_that_was_removed_is_refused_and_the_champion_stays(promoted, roll_back):
    gone = promoted("first").candidate.model
    promoted("second")
    shutil.rmtree(promoted.environment.work_dir / gone)
    with pytest.raises(DataError, match=r"decision 1 of wine cannot be rolled back to: .* the champion stays") as told:
        roll_back(1)
    assert gone in str(told.value)
    assert "run again" not in str(told.value)
    assert champion_of(promoted) == "second"


@IN_BOTH
def test_a_roll_back_to_a_model_that_changed_is_refused(promoted, roll_back):
    path = promoted.environment.work_dir / promoted("first").candidate.model / "model.keras"
    promoted("second")
    path.write_text("the weights of fir5t")
    with pytest.raises(DataError, match=r"cannot be rolled back to: .*model.keras: its hash is"):
        roll_back(1)
    assert champion_of(promoted) == "second"


@pytest.mark.training
def test_a_real_model_is_promoted_and_rolled_back_to_through_fresh_processes(
    tmp_path, monkeypatch, sample_dir, labels_dir, model_dir, evaluation_dir, record_property
):
    environment = environment_in(tmp_path)
    artifacts = {}
    for name, source in (
        ("model", model_dir), ("evaluation", evaluation_dir), ("labels", labels_dir), ("sample", sample_dir),
    ):  # fmt: skip
        artifacts[name] = f"samples/wine/{source.name}"
        shutil.copytree(source, environment.work_dir / artifacts[name])
    real = Candidate(
        sample_name="wine", run_id="real", preset="smoke", report="wine/real", origin="file", accuracy=0.5, **artifacts
    )
    entry = promotion.promote(real, judged_as("first"), expected=None, who="rule", environment=environment)
    assert 0 < entry.model.num_repeated <= 256
    assert entry.model.max_difference <= 1e-5
    with monkeypatch.context() as patch:
        patch.setattr(replay, "replay", lambda *_: replay.Replayed(256, 0.0, 1e-5))
        other = make_candidate(environment, "other")
        promotion.promote(other, judged_as(), expected=1, who="rule", environment=environment)
    started = time.monotonic()
    promotion.roll_back("wine", 1, who="ann", environment=environment)
    record_property("roll_back_s", time.monotonic() - started)
    assert registry.champion("wine", environment).path == Path(environment.work_dir / real.model)
