"""The judgement of a run as its report shows it: read from the artifact, and on the page."""

import re
from types import SimpleNamespace

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.judgement import NUM_SHOWN, read_judgement, show_judgement
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.settings.promotion import Gates, PromotionConfig
from tests.material.html_page import HOSTILE, Page
from tests.material.judged_report import champion_of, judged_inputs, opponent_of
from tests.material.report_inputs import make_inputs
from tests.material.written_reports import read_metrics, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("wine"), num_products=500, clean=True)


@pytest.fixture(scope="module")
def weak(inputs, tmp_path_factory):
    """Return a champion that is wrong about a third of what the run's model is asked."""
    return opponent_of(champion_of(inputs, tmp_path_factory.mktemp("weak"), 0.35, right=False))


@pytest.fixture(scope="module")
def strong(inputs, tmp_path_factory):
    return opponent_of(champion_of(inputs, tmp_path_factory.mktemp("strong"), 0.3, right=True))


def show(inputs, folder):
    """Write the report of judged inputs; returns its page, metrics, and the text of the champion's section."""
    out_dir, _ = write(inputs, folder / "reports")
    text = (out_dir / "report.html").read_text("utf-8")
    section = re.search(r'<section id="champion".*?</section>', text, flags=re.DOTALL)[0]
    return SimpleNamespace(page=Page(text), section=Page(section), html=section, metrics=read_metrics(out_dir))


@pytest.fixture(scope="module")
def better(inputs, weak, tmp_path_factory):
    folder = tmp_path_factory.mktemp("better")
    found = judged_inputs(inputs, folder, weak)
    return SimpleNamespace(dirs=found.dirs, **vars(show(found, folder)))


def test_a_better_model_is_told_with_its_difference_interval_level_and_look(better):
    text = better.section.text
    assert "Better than the champion." in text
    assert (
        "When this run was judged, the champion was the model of run run 1 (preset smoke), since 2026-04-03, by" in text
    )
    assert "By this verdict this model takes its place. What was decided, and what came later: make champion" in text
    one = better.metrics["champion"]["comparisons"][0]
    assert f"{100 * one['test']['value']:+.1f} points" in text
    assert "Look 1 at these" in text
    said = f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f} (93.9 %)"
    assert said in text and text.count("93.9 % interval") == 1
    assert "93.9 % interval" in better.page.text.split("Against the champion")[0]
    assert "On these products the champion is right for" in text
    assert "on those of its own report it was 60.0 %" in text


def test_which_gain_could_be_seen_is_a_sentence_and_no_column_that_a_narrow_page_hides(better):
    one, text = better.metrics["champion"]["comparisons"][0], better.section.text
    assert f"a gain of {100 * one['smallest_gain']:+.1f} points is seen in 4 of 5 looks" in text
    seen = [
        f"+{gain} is seen with {groups:,} group"
        for gain, groups in zip((1, 2, 5), one["groups_needed"].values(), strict=True)
    ]
    assert all(words in text for words in seen)
    (table,) = re.findall(r"<thead>.*?McNemar p.*?</thead>", better.html, flags=re.DOTALL)
    assert table.count("<th ") == 9


def test_the_products_that_one_model_alone_has_right_are_shown_with_what_the_other_says(better):
    number = better.metrics["champion"]["only_challenger"]
    assert f"This model alone is right: {number} products" in better.section.text
    assert "The champion alone is right" not in better.section.text
    assert better.section.text.count("the other model says") == NUM_SHOWN
    assert len(better.section.all("img")) >= NUM_SHOWN


def test_champions_so_far_are_listed_the_newest_first_with_their_reports(better):
    text = better.section.text
    assert text.index("rolled back to decision 1") < text.index("2026-03-03 04:05") < text.index("2026-01-03 04:05")
    links = [attrs["href"] for attrs in better.section.all("a") if "run-" in attrs.get("href", "")]
    assert links == ["../../wine/run-4/report.html", "../../wine/run-3/report.html", "../../wine/run-1/report.html"]


def test_categories_that_changed_and_gates_are_listed(better):
    text = better.section.text
    assert (
        "shown to have changed (p of the group test, one-sided; rises and falls are adjusted apart, each by Holm"
        in text
    )
    assert "too few test products, or too few that the champion is right about, for a fall to be seen: " in text
    assert "Macro F1 on test" in text and "Classes that are shown to be recognised less often" in text


def unseen_in(inputs, folder, opponent, accuracies):
    """Return the section's text where no fall of the first categories could be seen; `accuracies`: the champion's."""

    def change(facts):
        seen = [{**one, "could_be_seen": True} for one in facts["class_changes"][len(accuracies) :]]
        unseen = zip(facts["class_changes"], accuracies, strict=False)
        few = [{**one, "could_be_seen": False, "champion_accuracy": accuracy} for one, accuracy in unseen]
        return {**facts, "class_changes": few + seen}

    found = show(judged_inputs(inputs, folder, opponent, change=change), folder)
    names = {one["category_id"]: one["level3"] for one in found.metrics["classes"]}
    return found.section.text, [names[one["class_id"]] for one in found.metrics["champion"]["class_changes"]]


def test_a_category_that_cannot_fall_is_no_category_of_too_few_products(inputs, weak, tmp_path):
    text, names = unseen_in(inputs, tmp_path, weak, [0.0, 0.5])
    told = "1 category cannot fall, for the champion is right about none of its test products: "
    assert re.search(rf"{told}{names[0]} \(\d+ products?\)\.", text)
    told = "1 category has too few test products, or too few that the champion is right about, for a fall to be seen: "
    assert re.search(rf"{told}{names[1]} \(\d+ products?\)\.", text)


def test_where_every_fall_could_be_seen_nothing_is_said_of_it(inputs, weak, tmp_path):
    text, _ = unseen_in(inputs, tmp_path, weak, [])
    assert "cannot fall" not in text and "too few test products, or" not in text


def test_the_head_of_the_report_says_it_in_a_sentence(better):
    assert re.search(r"Better than the champion: \+[\d.]+ points .*look 1 at these test products", better.page.text)
    assert better.metrics["verdict"]["champion"] == {"promotes": True, "verdict": "better"}


def test_products_are_drawn_the_same_way_each_time_and_one_of_a_group(better):
    one, other = (show_judgement(better.dirs, embed_pictures=True) for _ in range(2))
    shown = [right.product.product_id for right in one.only_challenger]
    assert shown == [right.product.product_id for right in other.only_challenger]
    assert len(shown) == NUM_SHOWN
    assert one.only_champion == [] and one.no_pictures is None
    assert all(right.other_answer != right.product.category_id for right in one.only_challenger)


def test_without_pictures_the_page_says_why(better):
    found = show_judgement(better.dirs, embed_pictures=False)
    assert found.no_pictures
    assert len(found.only_challenger) == NUM_SHOWN


def test_a_run_of_an_older_version_was_not_judged(inputs, tmp_path):
    assert read_judgement(inputs.dirs) is None
    assert show_judgement(inputs.dirs, embed_pictures=True) is None
    found = show(inputs, tmp_path)
    assert "This run was not judged." in found.section.text
    assert found.metrics["champion"] is None


def test_a_damaged_judgement_is_named(better, tmp_path):
    dirs = {**better.dirs, "judgement": tmp_path}
    with pytest.raises(DataError, match=r"judgement\.json"):
        read_judgement(dirs)
    with pytest.raises(DataError, match=r"products\.parquet"):
        show_judgement(dirs, embed_pictures=True)


def test_the_first_model_is_told_without_a_champion(inputs, tmp_path):
    asks = PromotionConfig(approval="required")
    found = show(judged_inputs(inputs, tmp_path, None, look=None, config=asks), tmp_path)
    text = found.section.text
    assert "The first model that is better than always answering the largest class. When this run was" in text
    assert (
        "judged, there was no champion. By this verdict this model becomes the champion (a person had still to" in text
    )
    assert "Champions so far" not in text and "it stays" not in text
    assert "There was no champion: this model is to be the first (a person had still to agree when" in found.page.text
    assert found.section.all("table") == []


def test_a_first_model_that_a_gate_blocks_is_not_to_become_the_champion(inputs, tmp_path):
    config = PromotionConfig(gates=Gates(least_macro_f1=0.999))
    found = show(judged_inputs(inputs, tmp_path, None, look=None, config=config), tmp_path)
    assert "Gates block it." in found.section.text
    assert "Blocked: Macro F1 on test:" in found.section.text
    assert "There was no champion: a gate blocks this model, so there is still none." in found.page.text
    assert "is to be the first" not in found.page.text


def test_without_evidence_on_validation_no_figure_of_test_is_shown(inputs, strong, tmp_path):
    found = show(judged_inputs(inputs, tmp_path, strong, look=None), tmp_path)
    text = found.section.text
    assert "Not shown to be better than the champion." in text and "By this verdict it stays." in text
    assert "test products are not looked at, and no look is counted" in text
    assert "alone is right" not in text and "Category by category" not in text
    assert found.metrics["champion"]["comparisons"] == []
    assert "Not shown to be better than the champion: by this verdict the champion stays." in found.page.text
    assert [table for table in found.section.all("table") if table] == found.section.all("table")
    assert "Champions so far" in text


def test_what_cannot_be_compared_says_every_reason(inputs, weak, tmp_path):
    reasons = ("This model learnt from drawn pictures.", "The two models have no category in common.")
    found = show(judged_inputs(inputs, tmp_path, weak, look=None, reasons=reasons), tmp_path)
    assert "Cannot be compared with the champion." in found.section.text
    assert all(reason in found.section.text for reason in reasons)
    assert f"Cannot be compared with the champion: {reasons[-1]}" in found.page.text


def test_a_champion_that_cannot_be_used_is_not_said_to_be_missing(inputs, tmp_path):
    reason = "The champion cannot be used: samples/wine/model-0/model.keras: is gone."
    found = show(judged_inputs(inputs, tmp_path, None, look=None, reasons=(reason,)), tmp_path)
    assert reason in found.section.text
    assert "there was no champion" not in found.page.text
    assert "There was no champion" not in found.page.text


def test_names_that_try_to_break_out_of_the_page_stay_text(tmp_path):
    inputs = make_inputs(tmp_path / "hostile", num_products=300, names=HOSTILE, clean=True)
    champion = champion_of(inputs, tmp_path, 0.6, right=False)
    script = HOSTILE[0]
    champions = [{"decision": 1, "at": script, "run_id": script, "report": f'a/"{script}', "accuracy": 0.5,
                  "verdict": "first", "back_to": None, "who": script}]  # fmt: skip
    opponent = opponent_of(champion, run_id=script, preset=script, champions=champions)

    def change(facts):
        changes = [{**one, "fallen": True} for one in facts["class_changes"]]
        gates = [{**gate, "sentence": script} for gate in facts["gates"]]
        return {**facts, "class_changes": changes, "gates": gates, "blocked": [script], "reasons": [script]}

    found = show(judged_inputs(inputs, tmp_path, opponent, change=change), tmp_path)
    assert found.section.all("script") == [] and "<script" not in found.html
    assert not [attrs for tag, attrs in found.section.elements if any(name.startswith("on") for name in attrs)]
    assert script in found.section.text
    assert len(found.section.all("img")) >= NUM_SHOWN


def test_a_report_that_was_written_before_runs_were_judged_is_listed(tmp_path):
    from tests.material.finished_reports import write_finished

    write_finished(tmp_path, "old")  # its metrics.json has no `champion`
    write_reports_index(tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "wine/old/report.html" in page and 'yes">champion' not in page
