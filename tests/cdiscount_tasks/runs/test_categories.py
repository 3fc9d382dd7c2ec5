import os

import pytest

from cdiscount_tasks.runs.categories import doubts_of_names
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample import SampleConfig

NAMES = "category_id,category_level1,category_level2,category_level3\n5,DRINKS,WINE,RED\n6,DRINKS,WINE,WHITE\n"


@pytest.fixture
def doubts(tmp_path):
    """Return what says the doubts about a choice of categories, with a names CSV of two categories."""
    path = tmp_path / "names.csv"
    path.write_text(NAMES, encoding="utf-8")

    def told(*categories, names_path=path):
        sample = SampleConfig(
            name="tea", title="Tea", categories=categories, default_preset="smoke", presets={"smoke": {}}
        )
        environ = {"CDISCOUNT_DATA": str(tmp_path), "CDISCOUNT_CATALOGUE": str(tmp_path / "train.bson")}
        return doubts_of_names(sample, read_environment({**environ, "CDISCOUNT_CATEGORY_NAMES": str(names_path)}))

    told.path = path
    return told


def test_categories_that_the_names_know_are_no_doubt(doubts):
    assert doubts(5, 6) == doubts("level2: WINE") == []


def test_an_id_that_the_names_lack_is_told(doubts):
    assert doubts(5, 7) == ["sample tea: the names CSV does not know the categories 7"]


def test_a_slip_in_a_levels_name_is_told_with_what_is_meant(doubts):
    (told,) = doubts("level2: WYNE")
    assert "no category is called 'level2: WYNE'; did you mean 'level2: WINE'?" in told


def test_names_that_were_written_again_are_read_again(doubts):
    assert doubts(5, 7)
    doubts.path.write_text(f"{NAMES}7,DRINKS,TEA,GREEN\n", encoding="utf-8")
    os.utime(doubts.path, (1, 1))
    assert doubts(5, 7) == []


@pytest.mark.parametrize("text", [None, "", "category_id\n5\n"])
def test_names_that_cannot_be_read_are_left_to_the_run(doubts, tmp_path, text):
    path = tmp_path / "other.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert doubts(5, 7, names_path=path) == []
