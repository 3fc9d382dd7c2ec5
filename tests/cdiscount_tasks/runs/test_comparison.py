import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.comparison import comparison_folder, open_comparison, start_comparison
from cdiscount_tasks.settings.comparison import ComparisonNotes
from cdiscount_tasks.settings.environment import read_environment

LONG = ["wines_of_france_and_italy_without_sparkling_ones", "beds_and_headboards_of_the_living_room_catalogue"]


def compare(run_id="c1", **settings):
    return start_comparison(run_id, ["colours", "lights"], **settings)


def chosen(comparison):
    return [run.run_id for run in comparison.config.runs]


def test_a_retry_compares_the_same_runs_though_newer_ones_finished(runs):
    runs.finish("colours", "old")
    runs.finish("lights", "only")
    first = compare()
    runs.finish("colours", "new")
    assert chosen(compare()) == chosen(first) == chosen(open_comparison("c1"))


def test_a_comparison_that_never_began_cannot_be_opened(runs):
    with pytest.raises(DataError, match="clear its task resolve_comparison"):
        open_comparison("nothing")


def test_the_page_of_two_samples_stands_in_a_folder_that_begins_with_their_names(runs):
    runs.finish("colours", "a")
    runs.finish("lights", "b")
    out_dir = compare().out_dir
    assert out_dir.parent == read_environment().reports_dir / "comparison"
    assert out_dir.name.startswith("colours-lights-")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([*LONG, "boots_of_leather"], [*LONG, "boots_of_rubber_and_of_all_other_kinds"]),
        (["a", "b"], ["b", "a"]),
        (["a-b", "c"], ["a", "b-c"]),
        (["a", "b", "c"], ["a-b", "c"]),
    ],
)
def test_two_lists_of_samples_never_share_a_folder(one, other):
    folders = comparison_folder(one), comparison_folder(other)
    assert len(set(folders)) == 2
    assert all(len(folder.encode()) <= 255 for folder in folders)
    assert comparison_folder(list(one)) == folders[0]


def test_notes_are_kept_for_the_page(runs):
    runs.finish("colours", "a")
    runs.finish("lights", "b")
    compare().note(ComparisonNotes(no_random_choices="too few categories"))
    compare().note(ComparisonNotes(pool=("one", "two")))
    notes = open_comparison("c1").notes
    assert (notes.no_random_choices, notes.pool, notes.no_features) == ("too few categories", ("one", "two"), "")
