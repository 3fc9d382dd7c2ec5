"""What a champion was right about at each look, read from the judgements that are on disk."""

import pandas as pd
import pytest

from cdiscount_tasks.pages.report import champion_figures as page
from cdiscount_tasks.reports import champion_figures
from cdiscount_tasks.reports.champion_figures import PastLook, PastLooks, show_champion_figures
from cdiscount_tasks.tables import parquet, schemas
from tests.material.judged_models import KNOWN, make_products, write_judged, wrong_in

OWN = make_products()
NUM_TEST = 100


def write_look(folder, num_added, wrong_added):
    """Write what a judgement keeps of its products: the champion is wrong about some of those that were added."""
    added = make_products(num_groups=num_added, first_id=5000)
    products = pd.concat([OWN[OWN["split"] == "test"], added])
    answer = products["category_id"].where(
        ~products["product_id"].isin(added["product_id"][:wrong_added]), KNOWN[0] + 1
    )
    rows = products.assign(is_new=False, answer_challenger=products["category_id"], answer_champion=answer)
    folder.mkdir()
    parquet.write_table(folder / "products.parquet", rows[schemas.JUDGED_PRODUCTS.names], schemas.JUDGED_PRODUCTS)


@pytest.fixture
def past(tmp_path):
    """Return a champion that was right for 80 % in its own report, and was asked twice since."""
    model = write_judged(tmp_path, OWN, "champion", wrong_in(OWN, 0.2))
    for number, (num_added, wrong_added) in enumerate(((0, 0), (50, 25)), 1):
        write_look(tmp_path / f"judgement-{number}", num_added, wrong_added)
    looks = tuple(PastLook(f"2026-0{one}-03T04:05:06+00:00", one, tmp_path / f"judgement-{one}") for one in (1, 2))
    return PastLooks("2026-01-01T00:00:00+00:00", model.labels_dir, model.evaluation_dir, looks)


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


def test_the_own_report_comes_first_and_then_each_look(past, shown):
    assert "look 2" in show_champion_figures(past)
    ((asked, num_missing),) = shown
    assert [one.look for one in asked] == [None, 1, 2] and num_missing == 0
    assert [(one.accuracy["n"], one.accuracy["value"]) for one in asked] == [
        (NUM_TEST, 0.8), (NUM_TEST, 1.0), (2 * NUM_TEST, 0.875),
    ]  # fmt: skip
    assert asked[2].accuracy["low"] < 0.875 < asked[2].accuracy["high"]


def test_products_that_the_champion_s_labels_did_not_have_count_as_added(past, shown):
    show_champion_figures(past)
    first, second = shown[0][0][1:]
    assert (first.added["n"], first.added["value"]) == (0, None)
    assert (second.added["n"], second.added["num_groups"], second.added["value"]) == (NUM_TEST, 50, 0.75)


def test_a_judgement_that_was_removed_is_counted(past, shown):
    (past.looks[0].judgement_dir / "products.parquet").unlink()
    assert "1 judgement is no longer on disk" in show_champion_figures(past)
    assert [one.look for one in shown[0][0]] == [None, 2]


def test_without_the_champion_s_labels_it_is_not_known_what_was_added(past, shown):
    (past.labels_dir / "products.parquet").unlink()
    show_champion_figures(past)
    assert [one.added for one in shown[0][0]] == [None, None, None]


def test_without_its_own_answers_the_line_begins_at_the_first_look(past, shown):
    (past.evaluation_dir / "predictions.parquet").unlink()
    show_champion_figures(past)
    assert [one.look for one in shown[0][0]] == [1, 2]


def test_a_run_that_was_judged_against_no_champion_has_no_such_part(past):
    assert show_champion_figures(None) == ""
    assert show_champion_figures(past._replace(looks=())) == ""
