"""A sample that left its pictures in the catalogue is read like one that copied them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.artifacts.catalogue_note import note_path, read_note
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.stages import sample as sample_stage
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import check_sample, draw_sample
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys
from cdiscount_tasks.tables.schemas import SAMPLE_PLACES
from tests.conftest import TINY_LABELS
from tests.material.colours_sample import Place
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import BLUE, CATEGORIES, RED
from tests.material.whole_runs import finish_run

CONFIG = DrawConfig(categories=CATEGORIES, pictures="in_catalogue")


@pytest.fixture
def catalogue_path(tiny, tmp_path):
    """Return a copy of the tiny catalogue that a test may damage."""
    return tiny.write(tmp_path / "catalogue.bson")


@pytest.fixture
def left(index_dir, catalogue_path, tmp_path):
    """Return the result of drawing all four categories and leaving their pictures where they are."""
    return draw_sample(index_dir, catalogue_path, tmp_path / "colours", CONFIG)


def change_picture(tiny, catalogue_path, key=(303, 1)):
    content = bytearray(tiny.data)
    content[content.index(tiny.pictures[key]) + 300] ^= 1
    catalogue_path.write_bytes(content)


def test_it_has_the_pictures_keys_and_counts_of_the_sample_that_copied_them(left, tiny_sample, sample_dir):
    assert {**left, "path": ""} == {**tiny_sample, "path": "", "pictures": "in_catalogue"}
    left_keys, keys = (read_image_keys(Path(folder)) for folder in (left["path"], sample_dir))
    assert all(np.array_equal(left_keys[name], keys[name]) for name in keys)
    rows = range(left["num_images"])
    assert SampleImages(Path(left["path"])).read(rows) == SampleImages(sample_dir).read(rows)
    for name in ("products.parquet", "rejected.parquet"):
        assert (Path(left["path"]) / name).read_bytes() == (sample_dir / name).read_bytes()


def test_its_files_say_where_each_picture_is(left, tiny):
    rows = read_table(Path(left["path"]) / "images-00000.parquet", SAMPLE_PLACES).to_pylist()
    for row in rows:
        picture = tiny.data[row["offset"] : row["offset"] + row["length"]]
        assert picture == tiny.pictures[row["product_id"], row["image_number"]]


def test_it_takes_the_room_of_its_keys(left, sample_dir):
    sizes = [sum(path.stat().st_size for path in Path(folder).iterdir()) for folder in (left["path"], sample_dir)]
    assert sizes[0] < sizes[1] / 3


def test_products_of_several_files_are_the_same(index_dir, catalogue_path, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(sample_stage, "_PRODUCTS_PER_FILE_OF_PLACES", 30)
    monkeypatch.setattr(sample_stage, "_PLACES_PER_GROUP", 7)
    folder = Path(draw_sample(index_dir, catalogue_path, tmp_path, CONFIG)["path"])
    assert len(list(folder.glob("images-*.parquet"))) == 3
    assert SampleImages(folder).read(range(len(SampleImages(folder)))) == [
        tiny.pictures[key] for key in sorted(tiny.labelled_pictures)
    ]


def test_some_products_alone_are_drawn(index_dir, catalogue_path, tmp_path, tiny):
    config = DrawConfig(categories=(RED, BLUE), max_products_per_category=5, pictures="in_catalogue")
    folder = Path(draw_sample(index_dir, catalogue_path, tmp_path, config)["path"])
    keys = read_image_keys(folder, ["product_id", "image_number"])
    found = zip(*(values.tolist() for values in keys.values()), strict=True)
    assert SampleImages(folder).read(range(len(SampleImages(folder)))) == [tiny.pictures[key] for key in found]


def test_a_catalogue_that_was_moved_is_found_when_the_sample_is_found_again(left, index_dir, catalogue_path, tmp_path):
    moved = catalogue_path.rename(tmp_path / "moved.bson")
    with pytest.raises(DataError, match=r"catalogue\.bson: the catalogue cannot be read"):
        SampleImages(Path(left["path"]))
    again = draw_sample(Path(index_catalogue(moved, tmp_path)["path"]), moved, tmp_path / "colours", CONFIG)
    assert again == {**left, "reused": True}
    assert len(SampleImages(Path(left["path"])).read([3, 1])) == 2


def test_a_catalogue_that_is_named_from_here_is_found_from_elsewhere(index_dir, catalogue_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = draw_sample(index_dir, Path(catalogue_path.name), tmp_path / "colours", CONFIG)
    assert read_note(Path(made["path"])).catalogue == catalogue_path


def test_a_sample_that_was_moved_with_its_note_is_read_where_it_is(left, tmp_path):
    moved = shutil.copytree(left["path"], tmp_path / "elsewhere" / Path(left["path"]).name)
    shutil.copy(note_path(Path(left["path"])), note_path(moved))
    assert len(SampleImages(moved).read([0, 1])) == 2


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_a_catalogue_that_changed_since_it_was_indexed_is_refused_and_nothing_is_left(index_dir, tiny, tmp_path, place):
    content = bytearray(tiny.data)
    at = int(len(content) * place)
    content[at : at + 3000] = bytes(3000)
    (tmp_path / "changed.bson").write_bytes(content)
    with pytest.raises(DataError, match="the catalogue changed since it was indexed"):
        draw_sample(index_dir, tmp_path / "changed.bson", tmp_path / "colours", CONFIG)
    assert list((tmp_path / "colours").glob("sample-*")) == []


def test_a_different_catalogue_does_not_replace_the_note_of_the_right_one(left, index_dir, catalogue_path, tmp_path):
    (tmp_path / "other.bson").write_bytes(catalogue_path.read_bytes()[::-1])
    with pytest.raises(DataError, match=r"other\.bson: image \d of product \d+ .* has the hash"):
        draw_sample(index_dir, tmp_path / "other.bson", tmp_path / "colours", CONFIG)
    assert read_note(Path(left["path"])).catalogue == catalogue_path


@pytest.mark.parametrize("spoil", ["gone", "cut", "one byte"])
def test_the_label_check_refuses_a_catalogue_that_is_not_as_it_was(
    left, index_dir, tiny, catalogue_path, tmp_path, spoil
):
    if spoil == "gone":
        catalogue_path.unlink()
    elif spoil == "cut":
        catalogue_path.write_bytes(tiny.data[: len(tiny.data) // 2])
    else:
        change_picture(tiny, catalogue_path)
    words = {"gone": "cannot be read", "cut": "expected at least", "one byte": "image 1 of product 303"}[spoil]
    with pytest.raises(DataError, match=words):
        fix_labels(index_dir, Path(left["path"]), LabelFiles(), tmp_path / "colours", TINY_LABELS)
    assert list((tmp_path / "colours").glob("labels-*")) == []


def test_a_sample_is_whole_while_its_pictures_are_where_they_were(left, sample_dir, catalogue_path):
    for folder in (sample_dir, Path(left["path"])):
        check_sample(folder)
    catalogue_path.write_bytes(catalogue_path.read_bytes()[::-1])
    with pytest.raises(DataError, match="has the hash"):
        check_sample(Path(left["path"]))
    catalogue_path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        check_sample(Path(left["path"]))


def tables_of(artifact_dir):
    return {path.name: pq.read_table(path).to_pylist() for path in sorted(artifact_dir.glob("*.parquet"))}


@pytest.fixture(scope="module")
def both(tensorflow, tiny_path, tmp_path_factory):
    """Return two runs from the catalogue to the report: one copied the pictures of its sample, one left them there."""
    place = Place(tmp_path_factory.mktemp("both"), tiny_path)
    presets = {"smoke": {"network": "plain_cnn", "image_size": 32, "epochs": 2, "batch_size": 16}}
    with pytest.MonkeyPatch.context() as patch:
        place.use(patch)
        patch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0.5")
        patch.setenv("KERAS_HOME", str(place.folder / "keras"))
        for pictures in ("copied", "in_catalogue"):
            place.write(categories=list(CATEGORIES), presets=presets, pictures=pictures)
            finish_run("colours", pictures)
        yield tuple(open_run("colours", pictures) for pictures in ("copied", "in_catalogue"))


@pytest.mark.training
@pytest.mark.slow
@pytest.mark.parametrize("step", ["labels", "features", "evaluation"])
def test_both_kinds_give_the_same_rows(both, step):
    copied, left = (run.folders()[step] for run in both)
    assert copied != left
    assert tables_of(copied) == tables_of(left)


@pytest.mark.training
@pytest.mark.slow
def test_both_kinds_give_the_same_weights(both):
    import keras

    copied, left = (keras.saving.load_model(run.folders()["model"] / "model.keras").get_weights() for run in both)
    assert all(np.array_equal(one, other) for one, other in zip(copied, left, strict=True))


def figures_of(run):
    """Return the figures of a run's report without names, times and speeds."""
    metrics = json.loads((run.report_dir / "metrics.json").read_text("utf-8"))
    for name in ("run_id", "lineage", "durations_s", "resources"):
        del metrics[name]
    del metrics["suspects"]["list"], metrics["model"]["images_per_s"]
    return metrics


@pytest.mark.training
@pytest.mark.slow
def test_both_kinds_give_the_same_figures_and_pictures_in_the_report(both):
    copied, left = map(figures_of, both)
    assert copied == left
    assert copied["test"]
    pages = [(run.report_dir / "labels.html").read_text("utf-8") for run in both]
    assert pages[0].count("data:image/jpeg") == pages[1].count("data:image/jpeg") > 0
