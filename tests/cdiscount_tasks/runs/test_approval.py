"""What a person is asked about a judged run, and what their answer counts for."""

import re

import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.telling_products import TellingAnswer, TellingProduct, TellingProducts
from cdiscount_tasks.runs import approval, deciding, judging
from cdiscount_tasks.runs.run import open_run
from tests.material.judged_models import make_products, write_evaluation, wrong_in
from tests.material.judged_pictures import add_pictures
from tests.material.judged_runs import SAMPLE, judge, judge_and_decide, judged_run

FIRST = "**The first model that is better than always answering the largest class** (there is no champion yet)."
ASKS = {"approval": "required", "approvers": ["ann"]}


@pytest.fixture
def first(no_network):
    """Return a first model that is judged, and to be promoted once a person agrees."""
    no_network.write(promotion=ASKS)
    run = judged_run("first", 0.4)
    judge(run)
    return run


def address(name):
    return f"/here/{name}"


def say_yes(run):
    return approval.note_answer(run, approved=True, who="ann", answer="Promote", at="2026-01-02T03:04:05+00:00")


def test_nobody_is_asked_where_the_yaml_wants_no_approval(no_network):
    run = judged_run("first", 0.4)
    judge(run)
    assert approval.reason_not_to_ask(run) == "the sample's YAML wants no approval"
    assert approval.answer_of(run) is None


def test_nobody_is_asked_about_a_model_that_the_judgement_does_not_promote(no_network):
    no_network.write(promotion=ASKS)
    run = judged_run("useless", 0.7)
    judge(run)
    assert approval.reason_not_to_ask(run) == "the judgement does not promote this model"
    say_yes(run)
    assert approval.answer_of(run) is None


def test_a_question_holds_the_verdict_and_what_it_rests_on(first):
    assert approval.reason_not_to_ask(first) == ""
    question = approval.question_of(first, address)
    assert question.subject == "Colours: is this model to become the champion?"
    assert question.body.startswith(FIRST)
    assert "Right alone" not in question.body
    assert "Against the commonest category, 100 test products" in question.body


def test_a_question_about_a_better_model_names_the_champion_and_the_gates(no_network):
    no_network.write(promotion={"gates": {"least_macro_f1": 0.5}})
    judge_and_decide(judged_run("first", 0.4))
    run = judged_run("second", 0.1)
    judge(run)
    body = approval.question_of(run, address).body
    assert body.startswith("**Better than the champion** (against the champion of 20")
    assert "(run first))." in body
    assert "Look 1 at these 100 test products" in body
    assert "Right alone: this model 30 products, the champion 0; the report" in body
    assert "Gate: Macro F1 on test: 0.9, at least 0.5." in body
    assert "nothing is asked for" not in body


@pytest.fixture
def second(no_network):
    """Return a better model that has products wrong that the champion has right, with pictures of its products."""
    judge_and_decide(judged_run("first", 0.4))
    run = judged_run("second", 0.1, offset=30)
    judge(run)
    add_pictures(run)
    return run


def test_a_question_shows_the_three_most_telling_products(second):
    body = approval.question_of(second, address).body
    assert "Test products on which the two disagree, the surest wrong answers first (✓ right" in body
    table = [line.split(" | ") for line in body.splitlines() if line.startswith("|")]
    assert [row[0] for row in table] == [
        "| Product", "| ---", "| ", "| **Catalogue**", "| **New model**", "| **Champion**",
    ]  # fmt: skip
    assert {len(row) for row in table} == {4}
    answers = [" ".join(column[-2:]) for column in zip(*table[1:], strict=True)][1:]
    assert all(one.count("✓") == one.count("✗") == 1 for one in answers)


def test_the_pictures_of_a_question_are_small_files_in_the_runs_folder(second):
    body = approval.question_of(second, address).body
    names = re.findall(r"!\[[A-Z]+\]\(/here/([0-9]+\.jpg)\)", body)
    files = sorted((second.run_dir / "question").iterdir())
    assert sorted(names) == [path.name for path in files] and len(names) == 3
    assert sum(path.stat().st_size for path in files) < 60_000
    assert approval.question_of(second, address).body == body


def test_a_question_shows_the_answers_of_the_champion_of_now_where_all_test_products_are_new(no_network, monkeypatch):
    """The first look at these products is the second of the history, whose first look was at an earlier champion."""
    judge_and_decide(judged_run("first", 0.4))
    judge_and_decide(judged_run("second", 0.2))
    newer = make_products(450, first_id=50_000)
    run = judged_run("third", 0.1, offset=60, products=newer)
    asked = write_evaluation(run.artifacts_dir, newer, "second, of the newer products", wrong_in(newer, 0.3))
    monkeypatch.setattr(judging.evaluation, "evaluate_model", lambda *_: {"path": str(asked)})
    assert judge(run)["look"] == 2
    assert read_json(run.folders()["judgement"] / "judgement.json")["comparisons"][0]["look"] == 1
    add_pictures(run)
    seen = []
    whole = approval.find_telling
    monkeypatch.setattr(approval, "find_telling", lambda *a, **k: seen.append(a[1]) or whole(*a, **k))
    body = approval.question_of(run, address).body
    assert seen == [asked]
    assert "Test products on which the two disagree" in body and "**Champion**" in body
    assert deciding.decide(run).judged.look == 2  # as `make champion` prints it


def test_a_question_about_a_first_model_shows_its_surest_mistakes(first):
    add_pictures(first)
    body = approval.question_of(first, address).body
    assert "Test products that this model has wrong, the surest wrong answers first (✓ right" in body
    assert body.count("![") == 3 and "**Champion**" not in body


def test_without_pictures_of_the_catalogue_a_question_has_words_alone(no_network):
    no_network.write(promotion=ASKS, embed_pictures=False)
    run = judged_run("first", 0.4)
    judge(run)
    add_pictures(run)
    body = approval.question_of(run, address).body
    assert "![" not in body and "**Catalogue**" in body
    assert "no picture of the catalogue is shown here" in body
    assert not (run.run_dir / "question").exists()


def test_a_question_whose_products_cannot_be_read_is_asked_all_the_same(first, caplog):
    (first.folders()["labels"] / "images.parquet").unlink()
    body = approval.question_of(first, address).body
    assert body.startswith(FIRST) and "![" not in body
    assert "Products that show the difference cannot be read: " in body
    assert str(first.environment.work_dir) not in body.replace("\\", "")
    assert "images.parquet" in caplog.text


def test_a_question_without_a_file_of_pictures_shows_the_products_and_no_place_of_this_machine(first):
    body = approval.question_of(first, address).body
    assert "**Catalogue**" in body and "![" not in body
    assert "The pictures cannot be read: " in body
    assert str(first.environment.work_dir) not in body.replace("\\", "")


def test_a_name_of_a_category_is_no_markdown(first, monkeypatch):
    add_pictures(first)
    hostile = "a|b](x)![<b>"
    one = TellingProduct(7, hostile, TellingAnswer(hostile, False, 0.9), None, None)
    monkeypatch.setattr(approval, "find_telling", lambda *_, **__: TellingProducts([one], None))
    body = approval.question_of(first, address).body
    assert r"a\|b\]\(x\)\!\[\<b\>" in body
    assert hostile not in body


def test_an_answer_is_noted_with_who_gave_it_when(first):
    assert say_yes(first) == "Promote: ann"
    found = approval.answer_of(open_run(SAMPLE, "first"))
    assert found == approval.Answer(True, "ann", "Promote", "2026-01-02T03:04:05+00:00")
    assert "approval" not in first.folders()


def test_a_second_answer_to_the_same_question_takes_the_place_of_the_first(first):
    say_yes(first)
    line = approval.note_answer(first, approved=False, who="", answer="Keep the champion", at="")
    assert line == "Keep the champion: nobody answered in time"
    assert not approval.answer_of(first).approved


def test_outside_the_ui_nobody_can_be_asked_which_means_no(first):
    assert approval.note_unasked(first) == approval.NO_UI
    assert approval.answer_of(first) == approval.Answer(False, "", approval.NO_UI, "")


def test_silence_is_no_consent(first):
    """As where the task that asks was marked a success by hand."""
    assert approval.answer_of(first) == approval.Answer(False, "", approval.NOT_ASKED, "")


def test_an_answer_about_an_earlier_judgement_of_the_run_is_none(first):
    say_yes(first)
    no_approval = judged_run("other", 0.45)
    noted = read_json(first.run_dir / "artifacts.json")["judgement"]
    first.record("judgement", {**judge(no_approval), "promotes": True})
    assert approval.answer_of(first).answer == approval.NOT_ASKED
    first.record("judgement", {**noted, "path": str(first.environment.work_dir / noted["path"])})
    assert approval.answer_of(first).approved


def test_a_question_may_be_asked_again_but_not_about_another_judgement(first):
    """Airflow keeps the text of a question whose task is cleared: people would answer about what they do not see."""
    approval.note_question(first)
    approval.note_question(first)
    first.record("judgement", {**judge(judged_run("other", 0.45)), "promotes": True})
    with pytest.raises(DataError, match=r"judged again since .* trigger a new run"):
        approval.note_question(first)


def test_a_yaml_that_changes_while_a_question_is_open_changes_nothing(first, no_network):
    no_network.write(promotion={"approval": "none"})
    run = open_run(SAMPLE, "first")
    assert approval.reason_not_to_ask(run) == ""
    assert run.config.sample.promotion.approvers == ("ann",)
    assert approval.answer_of(run).answer == approval.NOT_ASKED
