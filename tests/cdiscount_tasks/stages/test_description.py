"""Pictures described by their shapes and colours, where there are no weights."""

import json
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.settings.sample import LabelConfig
from cdiscount_tasks.stages import description
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.description import describe_pictures, description_recipe
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.tables.features import read_features
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, features_schema


@pytest.fixture(scope="module")
def described(sample_dir, labels_dir, tmp_path_factory):
    return describe_pictures(sample_dir, labels_dir, tmp_path_factory.mktemp("described"))


def test_every_image_of_the_labels_has_the_row_that_it_would_have_alone(described, sample_dir, labels_dir):
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES)
    schema = features_schema(descriptor.NUM_FEATURES, mirrored=False)
    rows = read_table(Path(described["path"]) / "features.parquet", schema)
    for column in ("product_id", "image_number"):
        assert rows[column].to_pylist() == images[column].to_pylist()
    last = rows_of(sample_dir, images["product_id"].to_numpy()[-1:], images["image_number"].to_numpy()[-1:])
    alone = descriptor.describe(load_images(SampleImages(sample_dir), last, descriptor.IMAGE_SIDE))
    assert np.array_equal(read_features(Path(described["path"]))[-1], alone.astype(np.float16))
    assert (described["network"], described["num_images"]) == ("descriptor", images.num_rows)
    assert described["device"] == "CPU"


def test_pieces_and_processes_change_no_bit(described, sample_dir, labels_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(description, "_PICTURES_AT_ONCE", 7)
    again = describe_pictures(sample_dir, labels_dir, tmp_path)
    assert np.array_equal(read_features(Path(described["path"])), read_features(Path(again["path"])))


def test_what_is_described_already_is_kept(described, sample_dir, labels_dir):
    again = describe_pictures(sample_dir, labels_dir, Path(described["path"]).parent)
    assert again == {**described, "reused": True}


@pytest.mark.parametrize("change", [{"VERSION": 99}, {"IMAGE_SIDE": 96}, {"PARAMETERS": {"shape_cells": 9}}])
def test_another_version_or_parameter_is_another_artifact(sample_dir, labels_dir, monkeypatch, change):
    before = description_recipe(sample_dir, labels_dir).key
    for name, value in change.items():
        monkeypatch.setattr(descriptor, name, value)
    assert description_recipe(sample_dir, labels_dir).key != before


def test_the_audit_reads_them_and_says_what_it_read(described, labels_dir, tmp_path):
    audit = audit_labels(labels_dir, Path(described["path"]), Reviews(), tmp_path, LabelConfig(categories=None))
    leak = json.loads((Path(audit["path"]) / "leak.json").read_text("utf-8"))
    assert (leak["network"], leak["image_size"]) == ("descriptor", descriptor.IMAGE_SIDE)
    assert audit["num_products_judged"] > 0
