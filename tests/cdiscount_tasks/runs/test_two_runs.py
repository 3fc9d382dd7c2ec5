import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.folders import pair_folder, run_folder
from cdiscount_tasks.runs.two_runs import compare_two_runs
from tests.material.finished_reports import write_finished
from tests.material.paired_reports import CLASSES

ONE, OTHER = "manual__2026-11-26T15:02:33+00:00", "scheduled__2026-11-27T03:00:00+00:00"


@pytest.fixture
def reports_dir(place, tmp_path):
    """Return the reports folder of a machine with two finished runs of wine, and without their artifacts."""
    for number, run_id in enumerate((ONE, OTHER)):
        right, at = [place % (number + 3) > 0 for place in range(60)], 1_790_000_000 + number
        write_finished(tmp_path / "reports", run_folder(run_id), "wine", right, at, run_id=run_id, classes=CLASSES)
    return tmp_path / "reports"


def test_runs_are_asked_for_by_id_or_folder_and_their_page_is_in_the_index_under_their_sample(reports_dir):
    result = compare_two_runs(reports_dir, "wine", [ONE, run_folder(OTHER)])

    link = f"wine/compare/{run_folder(ONE)}--{run_folder(OTHER)}/compare.html"
    index = (reports_dir / "index.html").read_text("utf-8")
    assert (reports_dir / link).is_file()
    assert f'<a href="{link}">{result["title"]}</a>' in index
    assert index.index('id="sample-1"') < index.index(link)
    assert result["answer"] in index


def test_a_page_of_two_runs_is_no_run(reports_dir):
    compare_two_runs(reports_dir, "wine", [ONE, OTHER])
    assert "2 finished runs of 1 sample" in (reports_dir / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("sample", "wanted", "words"),
    [
        ("tea", [ONE, OTHER], "no report of a sample 'tea'; it has those of: wine"),
        ("wine", [ONE, "manual__x"], f"no report of a run 'manual__x'; it has: {run_folder(ONE)}"),
        ("wine", [ONE, run_folder(ONE)], "expected two different runs of sample wine"),
        ("wine", [ONE], "expected two different runs of sample wine"),
        ("../wine", [ONE, OTHER], "no report of a sample"),
        ("wine", ["..", OTHER], "no report of a run"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_there_is(reports_dir, sample, wanted, words):
    with pytest.raises(ConfigError) as refused:
        compare_two_runs(reports_dir, sample, wanted)
    assert words in str(refused.value)
    assert not (reports_dir / "wine" / "compare").exists()


def test_two_long_run_ids_give_a_folder_of_their_own_that_a_file_system_holds():
    long = [run_folder("scheduled__" + "x" * 230 + end) for end in ("a", "b", "c")]
    assert len(pair_folder(long[0], long[1])) < 220
    assert len({pair_folder(long[0], long[1]), pair_folder(long[0], long[2]), pair_folder(long[1], long[2])}) == 3
