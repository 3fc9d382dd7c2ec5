"""A report that exists is replaced whole or not at all, and the index lists what is finished."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.artifacts.publish import Made, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.report import write_report
from tests.material.html_page import Page
from tests.material.written_reports import write


@pytest.fixture
def standing(report, tmp_path):
    """Return a copy of the report in a reports folder of the test's own, which the test may change."""
    return shutil.copytree(report[0], tmp_path / report[0].parent.name / report[0].name)


def test_a_report_that_stands_is_replaced_whole(inputs, standing, tmp_path):
    (standing / "report.html").write_text("old and damaged")
    (standing / "left_over.txt").write_text("old")
    out_dir, _ = write(inputs, tmp_path)
    assert out_dir == standing
    assert not (out_dir / "left_over.txt").exists()
    assert verify_artifact(out_dir) == 7
    assert [path.name for path in out_dir.parent.iterdir() if path.name.endswith(".part")] == []


def test_a_failing_write_leaves_the_old_report_standing(inputs, standing, tmp_path, monkeypatch):
    before = (standing / "manifest.json").read_bytes()
    monkeypatch.setattr("cdiscount_tasks.stages.report.render_model_card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(inputs, tmp_path)
    assert (standing / "manifest.json").read_bytes() == before
    assert verify_artifact(standing) == 7


def test_who_reads_while_a_report_is_replaced_sees_the_old_one_or_the_new_one(tmp_path):
    recipe, out_dir = Recipe("report", 1, {}, {}, {}, {}), tmp_path / "run"

    def replace(number):
        rebuild_artifact(out_dir, recipe, lambda part_dir: Made({"size": (part_dir / "file").write_text(str(number))}))

    replace(0)
    with ThreadPoolExecutor() as threads:
        replacing = threads.submit(lambda: [replace(number) for number in range(30)])
        while not replacing.done():
            assert (out_dir / "file").read_text().isdigit()
    assert verify_artifact(out_dir) == 1


def test_where_folders_cannot_be_exchanged_a_report_is_replaced_all_the_same(inputs, standing, tmp_path, monkeypatch):
    monkeypatch.setattr("cdiscount_tasks.artifacts.in_place.ctypes.CDLL", lambda _: None)
    (standing / "left_over.txt").write_text("old")
    out_dir, _ = write(inputs, tmp_path)
    assert out_dir == standing
    assert not (out_dir / "left_over.txt").exists()
    assert verify_artifact(out_dir) == 7


def test_the_index_lists_finished_reports_by_sample_with_relative_links(report, tmp_path):
    for run_id in ("manual__1", "manual__2"):
        shutil.copytree(report[0], tmp_path / "wine" / run_folder(run_id))
    write_reports_index(tmp_path)
    index = Page((tmp_path / "index.html").read_text("utf-8"))
    links = {attrs["href"] for attrs in index.all("a")}  # each by time and by accuracy
    assert len(links) == 2 and all((tmp_path / link).is_file() for link in links)
    assert "drawn" in index.text and "Wine" in index.text


def test_the_index_says_what_is_damaged_and_leaves_out_what_is_being_written(report, tmp_path):
    run_ids = [f"manual__{number}" for number in (1, 2, 3)]
    out_dir, broken, _ = (shutil.copytree(report[0], tmp_path / "wine" / run_folder(run_id)) for run_id in run_ids)
    (broken / "predictions.parquet").unlink()
    part_dir = out_dir.parent / f".{out_dir.name}.0123.part"
    shutil.copytree(out_dir, part_dir)
    (tmp_path / "comparison" / "x").mkdir(parents=True)
    (tmp_path / "comparison" / "x" / "metrics.json").write_text("{}")
    write_reports_index(tmp_path)
    index = Page((tmp_path / "index.html").read_text("utf-8"))
    links = {attrs["href"] for attrs in index.all("a")}
    assert [link.split("/")[1] for link in sorted(links)] == [run_folder(run_id) for run_id in run_ids]
    assert "cannot be read predictions.parquet: is missing" in index.text


def test_a_missing_artifact_is_told_before_anything_is_written(inputs, tmp_path):
    dirs = {**inputs.dirs, "model": tmp_path / "model-0000"}
    with pytest.raises(DataError, match=r"model-0000.*no finished artifact"):
        write_report(dirs, tmp_path / "reports" / "wine" / "run", inputs.config)
    assert not (tmp_path / "reports").exists()


def test_a_reports_folder_that_cannot_be_made_names_its_setting(inputs, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="CDISCOUNT_REPORTS"):
        write_report(inputs.dirs, tmp_path / "file" / "wine" / "run", inputs.config)
