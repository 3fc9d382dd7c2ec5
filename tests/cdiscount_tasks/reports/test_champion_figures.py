"""How right a champion was each time it was asked, read from the judgements that are on disk."""

import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.learning.measuring.intervals import figure_of, known_exactly
from cdiscount_tasks.pages.report import champion_figures as page
from cdiscount_tasks.reports import champion_figures
from cdiscount_tasks.reports.champion_figures import (
    ChampionPast,
    PastJudgement,
    PastRefusal,
    show_champion_figures,
)
from tests.material.judged_models import make_products, write_judged, wrong_in

OWN = make_products()


def figure(value, n):
    return figure_of(value, (value - 0.05, value + 0.05), n, n)


NOTHING_ADDED = {"all": figure(0.8, 100), "added": known_exactly(None, 0, 0)}
SOME_ADDED = {"all": figure(0.7, 150), "added": figure(0.5, 50)}


@pytest.fixture
def past(tmp_path):
    """Return a champion that was right for 80 % in its own report, and was asked twice since."""
    model = write_judged(tmp_path, OWN, "champion", wrong_in(OWN, 0.2))
    judgements = []
    for number, figures in enumerate((NOTHING_ADDED, SOME_ADDED), 2):
        folder = tmp_path / f"judgement-{number}"
        folder.mkdir()
        write_json(folder / "judgement.json", {"champion_figures": figures, "accuracy": None})
        judgements.append(PastJudgement(f"2026-0{number}-03T04:05:06+00:00", f"run {number}", folder))
    return ChampionPast("2026-01-01T00:00:00+00:00", model.evaluation_dir, tuple(judgements))


@pytest.fixture
def shown(monkeypatch):
    """Return what was put on the page."""
    found = []
    monkeypatch.setattr(
        champion_figures,
        "render_champion_figures",
        lambda *given: (found.append(given), page.render_champion_figures(*given))[1],
    )
    return found


def rewrite(judgement, **facts):
    write_json(judgement.folder / "judgement.json", facts)


def test_the_own_report_comes_first_and_then_each_judgement(past, shown):
    assert "run 3" in show_champion_figures(past)
    ((asked, num_missing, _),) = shown
    assert [one.run_id for one in asked] == [None, "run 2", "run 3"] and num_missing == 0
    assert [(one.accuracy["n"], one.accuracy["value"]) for one in asked] == [(100, 0.8), (100, 0.8), (150, 0.7)]
    assert (asked[2].added["n"], asked[2].added["value"]) == (50, 0.5)


def test_judgements_on_the_same_test_products_are_shown_once(past, shown):
    first, second = past.judgements
    show_champion_figures(past._replace(judgements=(first, first, second, second._replace(run_id="run 4"))))
    assert [one.run_id for one in shown[0][0]] == [None, "run 2", "run 3"]
    own = shown[0][0][0].accuracy
    rewrite(first, champion_figures={"all": own, "added": known_exactly(None, 0, 0)})
    assert show_champion_figures(past._replace(judgements=(first,))) == ""


def test_judgements_that_were_removed_or_damaged_are_counted(past, shown):
    (past.judgements[0].folder / "judgement.json").unlink()
    assert "1 judgement is no longer on disk" in show_champion_figures(past)
    (past.judgements[1].folder / "judgement.json").write_text("{")
    assert "2 judgements are no longer on disk" in show_champion_figures(past)
    assert [one.run_id for one in shown[0][0]] == [None, "run 3"]


def test_an_older_version_s_judgement_has_the_figure_of_its_look_alone(past, shown):
    rewrite(past.judgements[0], accuracy={"champion": figure(0.75, 90), "challenger": figure(0.9, 90)})
    rewrite(past.judgements[1], accuracy=None)
    show_champion_figures(past)
    ((asked, num_missing, _),) = shown
    assert [(one.run_id, one.accuracy["n"], one.added) for one in asked[1:]] == [("run 2", 90, None)]
    assert num_missing == 0


def test_a_judgement_without_a_common_product_has_no_point(past, shown):
    rewrite(past.judgements[0], champion_figures={"all": known_exactly(None, 0, 0), "added": known_exactly(None, 0, 0)})
    show_champion_figures(past)
    assert [one.run_id for one in shown[0][0]] == [None, "run 3"]


def test_without_its_own_answers_the_line_begins_at_the_first_judgement(past, shown):
    (past.evaluation_dir / "predictions.parquet").unlink()
    show_champion_figures(past)
    assert [one.run_id for one in shown[0][0]] == ["run 2", "run 3"]


def test_a_run_that_was_judged_against_no_champion_has_no_such_part(past):
    assert show_champion_figures(None) == ""
    assert show_champion_figures(past._replace(judgements=())) == ""


def test_what_was_not_promoted_since_is_shown_with_why(past):
    refused = PastRefusal("2026-03-01T02:03:04+00:00", "run 2", "wine/run-2", "ann answered: Keep the champion.")
    shown = show_champion_figures(past._replace(declined=(refused,)))
    assert "Not promoted since" in shown and "ann answered: Keep the champion." in shown
