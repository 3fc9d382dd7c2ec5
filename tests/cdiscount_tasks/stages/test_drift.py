"""Catalogues of small squares in a category's colour, that grow, get darker or rename a class."""

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.stages import drift as stage
from cdiscount_tasks.stages.description import describe_pictures
from cdiscount_tasks.stages.drift import NO_NEW_PRODUCT, SAME_LABELS, find_drift, why_no_answers, why_no_features
from cdiscount_tasks.stages.inputs import CatalogueSide, LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables.drift import read_drift
from cdiscount_tasks.tables.sample_images import rows_of
from tests.material.audit_inputs import make_features
from tests.material.indexing import index_catalogue
from tests.material.judged_models import write_evaluation
from tests.material.tiny_catalogue import BLUE, GREEN, RED, YELLOW, TinyCatalogue, draw_jpeg

pytestmark = pytest.mark.slow

OLD, NEW = range(100, 220), range(500, 560)
COLOURS = (RED, GREEN, BLUE)


def darker(jpeg):
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).point(lambda level: level * 0.6).save(file, "JPEG", quality=75)
    return file.getvalue()


def products(ids, change=lambda jpeg: jpeg, renamed=None):
    """Return (product_id, category_id, pictures); every fourth product shows the picture of the one before, too."""
    rows = []
    for number, product_id in enumerate(ids):
        colour = COLOURS[number // 4 % 3]
        own = change(draw_jpeg(colour, product_id, size=32))
        copied = [change(draw_jpeg(colour, product_id - 1, size=32))] if number % 4 == 3 else []
        rows.append((product_id, YELLOW if colour == renamed else colour, [own, *copied]))
    return rows


@pytest.fixture(scope="module")
def make_side(tmp_path_factory):
    """Return what makes the artifacts of a catalogue of some products."""

    def make(rows, **draw):
        folder, catalogue = tmp_path_factory.mktemp("side"), TinyCatalogue()
        for row in rows:
            catalogue.add(*row)
        path = catalogue.write(folder / "catalogue.bson")
        index_dir = Path(index_catalogue(path, folder / "index")["path"])
        sample_dir = Path(draw_sample(index_dir, path, folder, DrawConfig(**{"categories": None, **draw}))["path"])
        labels = fix_labels(index_dir, sample_dir, LabelFiles(), folder, LabelConfig(categories=None))
        labels_dir = Path(labels["path"])
        return CatalogueSide(sample_dir, labels_dir, Path(describe_pictures(sample_dir, labels_dir, folder)["path"]))

    return make


@pytest.fixture(scope="module")
def champion(make_side):
    return make_side(products(OLD))


@pytest.fixture(scope="module")
def darkened(make_side):
    return make_side(products(OLD) + products(NEW, darker))


@pytest.fixture(scope="module")
def drifted(darkened, champion, tmp_path_factory):
    result = find_drift(darkened, champion, tmp_path_factory.mktemp("drift"))
    return SimpleNamespace(result=result, dir=Path(result["path"]), **read_drift(Path(result["path"]))._asdict())


def facts_of(now, champion, folder):
    return read_drift(Path(find_drift(now, champion, folder)["path"])).facts


def test_darker_new_products_are_an_alarm_in_words(drifted):
    assert any(sentence.startswith("Pictures are darker: median brightness") for sentence in drifted.facts["alarms"])
    assert any("a classifier tells them" in sentence for sentence in drifted.facts["alarms"])
    assert drifted.result["num_alarms"] == len(drifted.facts["alarms"])
    assert drifted.result["auc"] == drifted.facts["told_apart"]["auc"]["value"] > 0.9


def test_products_are_counted(drifted, champion):
    counts = drifted.facts["counts"]
    split = pd.read_parquet(champion.labels_dir / "products.parquet")["split"]
    assert counts["num_products_learnt"] == (split != "test").sum() < len(OLD)
    assert (counts["num_same_products"], counts["num_new_products"]) == (len(OLD), len(NEW))
    assert counts["num_products_now"] == len(OLD) + len(NEW)
    assert (counts["num_changed_products"], counts["num_moved_products"], counts["num_gone_products"]) == (0, 0, 0)
    # Every fourth product is tied to the one before it.
    assert counts["num_groups_now"] == counts["num_pictures_now"] == len(NEW) * 3 // 4
    assert drifted.facts["told_apart"]["auc"]["n"] == counts["num_groups_now"] + counts["num_groups_before"]


def test_the_pictures_that_show_it_are_in_the_sample_of_their_side(drifted, darkened, champion):
    for side, dirs, ids in (("before", champion, OLD), ("now", darkened, NEW)):
        rows = drifted.pictures[drifted.pictures["side"] == side]
        assert 0 < len(rows) <= 12
        assert set(rows["product_id"]) <= set(ids)
        assert len(rows_of(dirs.sample_dir, rows["product_id"].to_numpy(), rows["image_number"].to_numpy())) == len(
            rows
        )
        assert (rows["score"].diff().dropna() * (1 if side == "before" else -1) >= 0).all()


def test_the_same_inputs_give_the_same_bytes_and_are_found_again(drifted, darkened, champion, tmp_path):
    again = find_drift(darkened, champion, tmp_path)
    for name in ("drift.json", "drift_pictures.parquet"):
        assert (Path(again["path"]) / name).read_bytes() == (drifted.dir / name).read_bytes()
    assert find_drift(darkened, champion, drifted.dir.parent)["reused"]


def test_new_products_of_the_same_kind_are_no_alarm(make_side, champion, tmp_path):
    facts = facts_of(make_side(products(OLD) + products(NEW)), champion, tmp_path)
    assert facts["alarms"] == []
    assert 0.3 < facts["told_apart"]["auc"]["value"] < 0.7


def test_of_the_same_labels_nothing_is_measured(champion, tmp_path):
    result = find_drift(champion, champion, tmp_path)
    drift = read_drift(Path(result["path"]))
    assert (drift.facts["reason"], drift.facts["alarms"]) == (SAME_LABELS, [])
    assert (result["num_new_products"], result["auc"], len(drift.pictures)) == (0, None, 0)


def test_of_fewer_products_nothing_is_measured(make_side, champion, tmp_path):
    facts = facts_of(make_side(products(OLD)[:100]), champion, tmp_path)
    assert (facts["reason"], facts["alarms"]) == (NO_NEW_PRODUCT, [])
    assert facts["counts"]["num_gone_products"] == len(OLD) - 100


def test_another_draw_from_the_same_catalogue_is_no_drift(make_side, champion, tmp_path):
    redrawn = make_side(products(OLD), max_products_per_category=25, seed=1)
    for sides in ((redrawn, champion), (champion, redrawn)):  # the other way round, 45 products are new
        result = find_drift(*sides, tmp_path)
        facts = read_drift(Path(result["path"])).facts
        assert facts["reason"].startswith("the catalogue is the same; this run's sample was drawn differently (max_")
        assert (result["num_alarms"], facts["alarms"], facts["told_apart"]["auc"]["value"]) == (0, [], None)


def test_a_class_that_only_the_other_draw_has_alarms_nobody(make_side, champion, tmp_path):
    redrawn = make_side(products(OLD), categories=[RED, GREEN])
    facts = facts_of(champion, redrawn, tmp_path)
    assert facts["alarms"] == [] and not any(one["alarm"] for one in facts["classes"])
    assert [one["category_id"] for one in facts["classes"] if one["change"] == "new"] == [BLUE]


def test_a_renamed_class_is_found_by_its_products(make_side, champion, tmp_path):
    facts = facts_of(make_side(products(OLD, renamed=RED)), champion, tmp_path)
    (renamed,) = facts["renamed"]
    assert (renamed["from_id"], renamed["to_id"], renamed["num_products"]) == (RED, YELLOW, 40)
    assert facts["alarms"] == [f"The products of {RED} ({RED}) are now filed under {YELLOW} ({YELLOW}): 40 of them."]
    assert facts["counts"]["num_moved_products"] == 40


def test_a_catalogue_without_the_old_products_is_compared_as_well(make_side, champion, tmp_path):
    facts = facts_of(make_side(products(range(1000, 1120), renamed=RED)), champion, tmp_path)
    assert {one["change"] for one in facts["classes"] if one["alarm"]} == {"new", "vanished"}
    assert facts["renamed"] == []
    assert facts["counts"]["num_same_products"] == 0


def test_products_with_new_pictures_are_compared(make_side, champion, tmp_path):
    facts = facts_of(make_side(products(list(OLD)[:60], darker) + products(OLD)[60:]), champion, tmp_path)
    assert facts["counts"]["num_changed_products"] == 60
    assert facts["counts"]["num_new_products"] == 0
    assert any("darker" in sentence for sentence in facts["alarms"])


def test_without_features_of_one_kind_the_rest_is_measured(darkened, champion, tmp_path):
    bare = champion._replace(features_dir=None)
    facts = facts_of(darkened, bare, tmp_path)
    assert facts["told_apart"]["reason"] == "the champion's run has no features"
    assert any("darker" in sentence for sentence in facts["alarms"])
    other = champion._replace(features_dir=make_features(champion.labels_dir, tmp_path))
    assert why_no_features(darkened, other) == "this run has features of descriptor, the champion's run of mobilenet_v2"
    assert facts_of(darkened, other, tmp_path)["told_apart"]["auc"]["value"] is None


def test_features_of_other_settings_are_not_compared(darkened, champion, monkeypatch):
    kind = stage._kind
    monkeypatch.setattr(
        stage, "_kind", lambda path: kind(path)._replace(version=99) if path == champion.features_dir else kind(path)
    )
    assert why_no_features(darkened, champion).endswith("with different settings, weights or versions")


def answered(side, folder, name):
    """Return a side with the champion's answers to its products of validation and test."""
    labels = pd.read_parquet(side.labels_dir / "products.parquet")
    return side._replace(answers_dir=write_evaluation(folder, labels, name, categories=COLOURS))


def test_the_champion_s_answers_to_products_that_it_did_not_learn_from_are_compared(darkened, champion, tmp_path):
    now, then = answered(darkened, tmp_path, "now"), answered(champion, tmp_path, "then")
    drift = facts_of(now, then, tmp_path)["answers"]
    old, new = (pd.read_parquet(one.labels_dir / "products.parquet") for one in (champion, darkened))
    learnt = set(old.loc[old["split"] == "train", "group_id"])
    before = old[(old["split"] != "train") & ~old["group_id"].isin(learnt)]
    fresh = new[~new["product_id"].isin(old["product_id"]) & (new["split"] != "train")]
    assert drift["num_groups"] == {"before": before["group_id"].nunique(), "now": fresh["group_id"].nunique()}


def test_without_answers_to_the_new_products_the_rest_is_measured(darkened, champion, tmp_path):
    asked = answered(champion, tmp_path, "then")
    drift = facts_of(darkened, asked, tmp_path)
    assert drift["answers"]["reason"] == "the champion was not asked about this run's products"
    assert any("darker" in sentence for sentence in drift["alarms"])
    reason = why_no_answers(answered(darkened, tmp_path, "now"), champion)
    assert reason == "the champion's own answers are no longer on disk"


def test_a_missing_artifact_is_named(darkened, champion, tmp_path):
    with pytest.raises(DataError, match="no finished artifact"):
        find_drift(darkened, champion._replace(labels_dir=tmp_path / "labels-0"), tmp_path)


def test_a_damaged_sample_is_named(darkened, champion, tmp_path):
    sample_dir = tmp_path / champion.sample_dir.name
    shutil.copytree(champion.sample_dir, sample_dir)
    (path,) = sample_dir.glob("images-*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    with pytest.raises(DataError, match="images-"):
        find_drift(darkened, champion._replace(sample_dir=sample_dir), tmp_path)


def test_drift_json_is_plain_json(drifted):
    facts = json.loads((drifted.dir / "drift.json").read_text("utf-8"))
    assert facts == drifted.facts
    assert np.isfinite([one["d"] for one in facts["properties"]]).all()
