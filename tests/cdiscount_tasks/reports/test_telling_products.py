"""Which products a person is shown before a promotion, and what is said of them."""

import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.telling_products import choose_telling, find_telling
from cdiscount_tasks.runs import replay
from cdiscount_tasks.stages.replay import Replayed
from tests.material.colours_sample import Place
from tests.material.judged_pictures import add_pictures
from tests.material.judged_runs import judge, judge_and_decide, judged_run


def wrong(*rows):
    return pd.DataFrame(rows, columns=["product_id", "group_id", "champion_is_right", "confidence"])


def ids(chosen):
    return chosen["product_id"].tolist()


def test_the_surest_wrong_answers_are_chosen_and_equally_sure_ones_by_their_product():
    rows = wrong((5, 5, False, 0.9), (1, 1, False, 0.2), (4, 4, False, 0.9), (3, 3, False, 0.5))
    assert ids(choose_telling(rows)) == [4, 5, 3]
    assert ids(choose_telling(rows.sample(frac=1, random_state=0))) == [4, 5, 3]


@pytest.mark.parametrize("alone", [True, False])
def test_a_product_that_the_other_model_alone_has_right_is_among_them(alone):
    rows = wrong(*((one, one, not alone, 0.9) for one in range(5)), (7, 7, alone, 0.3))
    assert ids(choose_telling(rows)) == [0, 1, 7]


def test_copies_of_a_product_are_shown_once():
    rows = wrong((1, 1, False, 0.9), (2, 1, False, 0.8), (3, 3, False, 0.2))
    assert ids(choose_telling(rows)) == [1, 3]


def test_where_no_model_is_wrong_nothing_is_chosen():
    assert ids(choose_telling(wrong())) == []


@pytest.fixture
def no_network(tmp_path, tiny_path, monkeypatch):
    """Let models be promoted that no network could load."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    return Place(tmp_path, tiny_path).use(monkeypatch)


@pytest.fixture
def second(no_network):
    """Return a run whose model is better, and has products wrong that the champion has right."""
    judge_and_decide(judged_run("first", 0.4))
    run = judged_run("second", 0.1, offset=30)
    judge(run)
    add_pictures(run)
    return run


def asked(run):
    return run.artifacts_dir / run.folders()["evaluation"].name


def test_both_models_answers_are_told_with_the_catalogues(second):
    champion_dir = next(path for path in second.artifacts_dir.glob("evaluation-*") if path != asked(second))
    found = find_telling(second.folders(), champion_dir, embed_pictures=True)
    assert len(found.products) == 3 and found.no_pictures is None
    sides = [(one.challenger.is_right, one.champion.is_right) for one in found.products]
    assert sorted(set(sides)) == [(False, True), (True, False)]
    for one in found.products:
        right, other = sorted((one.challenger, one.champion), key=lambda answer: not answer.is_right)
        assert right.name == one.name != other.name
        assert one.picture.startswith(b"\xff\xd8")


def test_of_a_first_model_its_surest_mistakes_are_shown(no_network):
    run = judged_run("first", 0.4)
    judge(run)
    add_pictures(run)
    found = find_telling(run.folders(), None, embed_pictures=True)
    assert [(one.challenger.is_right, one.champion) for one in found.products] == [(False, None)] * 3
    assert all(one.challenger.name != one.name for one in found.products)


def test_where_a_page_may_hold_no_pictures_there_are_none(second):
    found = find_telling(second.folders(), None, embed_pictures=False)
    assert [one.picture for one in found.products] == [None] * 3
    assert "embed_pictures is false" in found.no_pictures


def test_a_champions_answers_that_are_gone_are_refused(second):
    with pytest.raises(DataError, match=r"predictions\.parquet"):
        find_telling(second.folders(), second.artifacts_dir / "evaluation-gone", embed_pictures=True)
