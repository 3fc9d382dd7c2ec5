"""What becomes of a judged run: the champion, or a line that says why not."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.reports.folders import CHAMPION_NOTE, DECISIONS_NOTE, report_folders
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs import approval, deciding, mirror, promotion, registry, replay
from cdiscount_tasks.runs.decisions import ChampionMovedError
from tests.material.finished_reports import write_finished
from tests.material.judged_runs import SAMPLE, entries, judge, judge_and_decide, judged_run, judgement_dir
from tests.material.machines import Machines


@pytest.fixture
def first(no_network):
    """Return the decision that made the first champion."""
    return judge_and_decide(judged_run("first", 0.4))


def note_of(run):
    return json.loads((run.environment.reports_dir / SAMPLE / CHAMPION_NOTE).read_text("utf-8"))


def test_the_first_champion_is_promoted_by_the_rule(first):
    assert (first.number, first.outcome, first.champion, first.who) == (1, "promoted", None, "the rule")
    assert first.judged.verdict == "first"
    assert first.judged.look is None
    assert first.judged.difference.low > 0
    assert registry.champion(SAMPLE).run_id == "first"
    assert deciding.told(first) == "decision 1: this model is the champion now (the rule)"


def test_a_decision_keeps_what_the_judgement_says(first):
    run = judged_run("second", 0.1)
    found = judge_and_decide(run)
    judged = found.judged
    assert (found.outcome, found.champion) == ("promoted", 1)
    assert run.environment.work_dir / judged.judgement == judgement_dir(run)
    assert (judged.verdict, judged.look, judged.num_products, judged.num_groups) == ("better", 1, 100, 50)
    assert judged.difference.value == pytest.approx(0.3)
    assert 0 < judged.difference.low < 0.3 < judged.difference.high
    assert 0 < judged.level < 0.05 and judged.smallest_gain > 0
    assert set(judged.gates) >= {"least_macro_f1", "no_class_falls"}
    assert judged.reasons[-1].startswith("Look 1 at these 100 test products")
    assert found.reason == judged.reasons[-1]
    assert registry.champion(SAMPLE).decision == found.number == 3  # the look is a line of its own


def test_the_facts_of_an_event_are_plain_figures(first):
    facts = deciding.facts_of(judge_and_decide(judged_run("second", 0.1)))
    assert json.loads(json.dumps(facts)) == facts
    assert {name: facts[name] for name in ("decision", "run_id", "verdict", "who")} == {
        "decision": 3, "run_id": "second", "verdict": "better", "who": "the rule",
    }  # fmt: skip
    assert facts["difference"]["value"] == pytest.approx(0.3)
    assert facts["accuracy"] == pytest.approx(0.9)


def test_a_model_without_evidence_is_recorded_and_the_champion_stays(first):
    found = judge_and_decide(judged_run("second", 0.42, offset=1))
    assert (found.outcome, found.champion, found.judged.verdict) == ("not_promoted", 1, "no_evidence")
    assert found.judged.difference is None
    assert registry.champion(SAMPLE).run_id == "first"
    assert deciding.told(found).endswith("this model does not become the champion (the rule)")


def test_the_same_decision_again_is_the_one_that_was_made(first):
    run = judged_run("second", 0.1)
    found = judge_and_decide(run)
    assert deciding.decide(run) == found
    poor = judged_run("poor", 0.42, offset=1)
    declined = judge_and_decide(poor)
    assert deciding.decide(poor) == declined
    assert len(entries(run)) == declined.number


def test_each_decision_is_mirrored_after_it_was_made_and_stands_where_that_fails(first, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("CDISCOUNT_MLFLOW", "http://127.0.0.1:5000")
    monkeypatch.setattr(mirror, "PYTHON", tmp_path / "no environment")
    for run_id, share_wrong in (("second", 0.1), ("poor", 0.42)):
        caplog.clear()
        found = judge_and_decide(judged_run(run_id, share_wrong, offset=1))
        assert caplog.text.count("does not show the newest decision") == 1
        assert registry.history(SAMPLE)[-1] == found


def test_the_same_model_again_is_kept(first):
    found = judge_and_decide(judged_run("again", 0.4, model="first"))
    assert (found.outcome, found.judged.verdict) == ("kept", "not_comparable")
    assert deciding.told(found) == "decision 2: this model is the champion already (the rule)"
    assert registry.champion(SAMPLE).run_id == "first"


def test_a_champion_that_is_damaged_declines_the_run(first):
    model = registry.champion(SAMPLE).path / "model.keras"
    model.write_text("the weights of fir5t")
    run = judged_run("second", 0.1)
    found = judge_and_decide(run)
    assert (found.outcome, found.judged.verdict, found.champion) == ("not_promoted", "not_comparable", 1)
    assert found.reason.startswith("The champion (decision 1, run first) cannot be used: samples/")
    assert "model.keras" in found.reason


def test_a_gate_blocks_with_its_sentence(first, no_network):
    no_network.write(promotion={"gates": {"least_macro_f1": 0.95}})
    found = judge_and_decide(judged_run("second", 0.1))
    assert (found.outcome, found.judged.verdict) == ("not_promoted", "better")
    assert found.reason == "A gate blocks it: Macro F1 on test: 0.9, at least 0.95."
    assert not found.judged.gates["least_macro_f1"]["passes"]


def test_a_reason_that_is_longer_than_a_line_of_history_takes_is_cut(first, no_network):
    no_network.write(promotion={"gates": {"least_macro_f1": 0.95}})
    run = judged_run("second", 0.1)
    judge(run)
    path = judgement_dir(run) / "judgement.json"
    path.write_text(path.read_text("utf-8").replace('"Macro F1', '"' + "X" * 5000))
    assert deciding.decide(run).reason.endswith("X [...]")


ASKS = {"approval": "required"}


@pytest.fixture
def asked(first, no_network):
    """Return a better run about which a person is to be asked."""
    no_network.write(promotion=ASKS)
    run = judged_run("second", 0.1)
    judge(run)
    return run


def test_a_person_who_agrees_promotes_and_is_written_down(asked):
    approval.note_answer(asked, approved=True, who="ann", answer="Promote", at="now")
    found = deciding.decide(asked)
    assert (found.outcome, found.who, found.answer) == ("promoted", "ann", "Promote")
    assert deciding.told(found) == "decision 3: this model is the champion now (ann: Promote)"


@pytest.mark.parametrize(
    ("who", "written", "reason", "by"),
    [
        ("bob", "bob", "bob answered: Keep the champion.", "(bob: Keep the champion)"),
        ("", "nobody", "Nobody answered in time.", "(Nobody answered in time)"),
    ],
)
def test_a_no_and_a_time_that_ran_out_keep_the_champion(asked, who, written, reason, by):
    approval.note_answer(asked, approved=False, who=who, answer="Keep the champion", at="now")
    found = deciding.decide(asked)
    assert (found.outcome, found.who, found.answer) == ("not_promoted", written, "Keep the champion")
    assert (found.judged.verdict, found.reason) == ("better", reason)  # not the verdict's, which speaks for the model
    assert deciding.told(found).endswith(by)


def test_a_run_about_which_nobody_was_asked_is_not_promoted(asked):
    found = deciding.decide(asked)
    assert (found.outcome, found.who, found.answer) == ("not_promoted", "nobody", approval.NOT_ASKED)
    approval.note_unasked(asked)
    assert deciding.decide(asked).answer == approval.NO_UI
    assert registry.champion(SAMPLE).run_id == "first"


def test_a_yaml_that_wants_no_approval_any_more_promotes_nothing_by_itself(asked, no_network):
    no_network.write(promotion={"approval": "none"})
    assert deciding.decide(asked).outcome == "not_promoted"


def test_of_two_runs_that_were_judged_against_the_same_champion_the_second_is_refused(first):
    one, other = judged_run("one", 0.1), judged_run("other", 0.05)
    judge(one)
    judge(other)
    assert deciding.decide(one).outcome == "promoted"
    with pytest.raises(ChampionMovedError, match=r"run one, .*expected decision 1.*clear the run's task judge_model"):
        deciding.decide(other)
    assert registry.champion(SAMPLE).run_id == "one"
    assert judge_and_decide(other).judged.verdict == "no_evidence"  # judged again, against the new one


def test_a_model_that_answers_otherwise_than_recorded_is_not_promoted(first, monkeypatch):
    def differs(*_):
        raise ConfigError("it answers otherwise")

    run = judged_run("second", 0.1)
    judge(run)
    monkeypatch.setattr(replay, "replay", differs)
    with pytest.raises(ConfigError, match="otherwise"):
        deciding.decide(run)
    assert note_of(run)["run_id"] == "first"


def test_the_champion_is_noted_beside_the_reports_and_marked_in_their_index(first):
    run = judged_run("second", 0.1)
    reports_dir = run.environment.reports_dir
    for of in ("first-0", run.report_dir.name):
        write_finished(reports_dir, of, sample=SAMPLE)
    assert len(report_folders(reports_dir)) == 2
    found = judge_and_decide(run)
    assert note_of(run) == {
        "report": found.candidate.report, "run_id": "second", "since": found.at, "decision": found.number,
    }  # fmt: skip
    page = (reports_dir / "index.html").read_text("utf-8")
    assert page.count('<span class="badge yes">champion</span>') == 1
    assert f"since {found.at[:16].replace('T', ' ')}, decision {found.number}" in page


def test_what_became_of_each_run_is_noted_beside_the_reports_and_shown_in_their_index(first, no_network):
    no_network.write(promotion={"gates": {"least_macro_f1": 0.95}})
    run = judged_run("second", 0.1)
    write_finished(run.environment.reports_dir, run.report_dir.name, sample=SAMPLE)
    found = judge_and_decide(run)
    page = (run.environment.reports_dir / "index.html").read_text("utf-8")
    assert f"not promoted: a gate blocks it (decision {found.number})" in page
    note = json.loads((run.environment.reports_dir / SAMPLE / DECISIONS_NOTE).read_text("utf-8"))
    assert [one["outcome"] for one in note.values()] == ["promoted", "not promoted: a gate blocks it"]


CANNOT = {"verdict": "not_comparable", "promotes": False}


@pytest.mark.parametrize(
    ("verdict", "judgement", "words"),
    [
        (CANNOT, {"reasons": ["Look 1.", "<i>It</i> is damaged."], "champion": None},
         "not compared with the champion of then: &lt;i&gt;It&lt;/i&gt; is damaged."),
        (CANNOT, None, "not compared with the champion of then: its report does not say why"),
        ({"verdict": "first"}, {"champion": None}, "no champion then: better than always answering the largest class"),
        ({"verdict": "no_evidence"}, {"champion": None}, "no champion then: not shown to be better than always"),
        ({"verdict": "no_evidence"}, {"champion": {"run_id": "a"}}, "against the champion of then: no evidence"),
    ],
)  # fmt: skip
def test_the_index_says_what_the_judgement_of_each_run_says(tmp_path, verdict, judgement, words):
    gates = {"above_baseline": True, "certified": True, "champion": verdict}
    write_finished(tmp_path, "b", verdict=gates, champion=judgement)
    write_reports_index(tmp_path)
    assert words in (tmp_path / "index.html").read_text("utf-8")


def test_a_roll_back_moves_the_mark_and_the_index_says_that_it_was_one(first):
    run = judged_run("second", 0.1)
    write_finished(run.environment.reports_dir, Path(first.candidate.report).name, sample=SAMPLE)
    judge_and_decide(run)
    back = promotion.roll_back(SAMPLE, 1, who="ann")
    deciding.note_decisions(SAMPLE, run.environment)
    note = note_of(run)
    assert (note["run_id"], note["decision"], note["back_to"]) == ("first", back.number, 1)
    page = (run.environment.reports_dir / "index.html").read_text("utf-8")
    assert f"decision {back.number}, rolled back to decision 1" in page


def test_a_roll_back_forbids_nothing_the_model_may_become_the_champion_again_on_its_evidence(first):
    judge_and_decide(judged_run("second", 0.1))
    promotion.roll_back(SAMPLE, 1, who="ann")
    again = judge_and_decide(judged_run("third", 0.1, model="second"))
    assert (again.outcome, again.judged.verdict, again.judged.look) == ("promoted", "better", 1)


def test_without_a_champion_nothing_is_noted(no_network):
    run = judged_run("useless", 0.7)
    assert judge_and_decide(run).outcome == "not_promoted"
    deciding.note_decisions(SAMPLE, run.environment)
    assert not (run.environment.reports_dir / SAMPLE / CHAMPION_NOTE).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"report": 5}', '{"report": "a/b", "since": null}', "\x00"])
def test_a_note_that_cannot_be_read_marks_nothing_and_lists_the_report(tmp_path, caplog, text):
    folder = write_finished(tmp_path, "b")
    (folder.parent / CHAMPION_NOTE).write_text(text)
    write_reports_index(tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert 'class="badge yes">champion' not in page
    assert "wine/b/report.html" in page
    assert "the index of reports cannot read" in caplog.text


def test_a_roll_back_is_noted_beside_the_reports_and_again_changes_nothing(first):
    run = judged_run("second", 0.1)
    assert judge_and_decide(run).outcome == "promoted"
    entry = deciding.roll_back(SAMPLE, 1, who="ada", reason="too slow")
    assert note_of(run)["run_id"] == registry.champion(SAMPLE).run_id == "first"
    assert deciding.roll_back(SAMPLE, 1, who="ada", reason="too slow", tried_before=True) == entry
    for who in ("ada", "bob"):
        with pytest.raises(ConfigError, match="is the champion already"):
            deciding.roll_back(SAMPLE, 1, who=who, tried_before=who == "bob")
    assert entries(run)[-1] == entry
    assert deciding.told(entry) == (
        f"decision {entry.number}: the model of decision 1 (run first) is the champion again (ada); 256 recorded "
        "answers were repeated"
    )
    facts = deciding.facts_of(entry)
    assert (facts["decision"], facts["back_to"], facts["run_id"]) == (entry.number, 1, "first")
    assert (facts["verdict"], facts["difference"], facts["who"]) == ("first", None, "ada")


def test_the_champions_to_roll_back_to_are_listed_the_newest_first(first):
    judge_and_decide(judged_run("second", 0.1))
    said = deciding.champions_in_words(SAMPLE)
    assert said.startswith("the champion of colours is of decision 3 (")
    assert "): run second, preset smoke, 90.0 % of its test products; before it: decision 1 (" in said
    assert deciding.champions_in_words("wine") == "wine has no champion yet"


def test_of_two_machines_that_decide_at_once_no_note_is_lost(tmp_path, bucket, monkeypatch):
    machines = Machines(tmp_path, f"{bucket}/reports", 2)
    history, asked = ["r1"], []

    def notes(*_):
        known = {run: {} for run in history}
        asked.append(known)
        if len(asked) == 2:  # it is about to be written
            history.append("r2")
            deciding.note_decisions(SAMPLE, SimpleNamespace(reports_dir=machines[1]))
        return {DECISIONS_NOTE: known}

    monkeypatch.setattr(deciding, "_notes", notes)
    monkeypatch.setattr("cdiscount_tasks.reports.overview.write_reports_index", lambda _: None)
    deciding.note_decisions(SAMPLE, SimpleNamespace(reports_dir=machines[0]))
    assert json.loads(machines.store.read(f"{SAMPLE}/{DECISIONS_NOTE}")[0]) == {"r1": {}, "r2": {}}
