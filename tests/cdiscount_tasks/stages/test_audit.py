import json
from pathlib import Path

import pandas as pd
import pytest

from cdiscount_tasks.config import LabelConfig, SplitConfig
from cdiscount_tasks.labelling.rules import HUMAN_FIX
from cdiscount_tasks.records import LabelFiles, Reviews
from cdiscount_tasks.reporting.suspects import write_list
from cdiscount_tasks.stages import audit as stage
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.labels import fix_labels
from tests.cdiscount_tasks.audit_inputs import make_features
from tests.cdiscount_tasks.report_inputs import WINE, make_inputs
from tests.conftest import TINY_LABELS

CONFIG = LabelConfig(categories=None)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("wine"), num_products=300, clean=True)


@pytest.fixture(scope="module")
def labels_dir_of_wine(inputs):
    return inputs.dirs["labels"]


@pytest.fixture(scope="module")
def odd(inputs):
    """Return products that look like the class after their own."""
    lone = inputs.products[~inputs.products["group_id"].duplicated(keep=False)].iloc[5:17]
    return {int(row.product_id): int(row.class_index + 1) % len(WINE) for row in lone.itertuples()}


@pytest.fixture(scope="module")
def features_dir_of_wine(labels_dir_of_wine, odd, tmp_path_factory):
    return make_features(labels_dir_of_wine, tmp_path_factory.mktemp("features"), odd)


@pytest.fixture(scope="module")
def audited(labels_dir_of_wine, features_dir_of_wine, tmp_path_factory):
    return audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path_factory.mktemp("audit"), CONFIG)


def rows_of(result):
    return pd.read_parquet(Path(result["path"]) / "suspects.parquet")


def read(result, name):
    return json.loads((Path(result["path"]) / name).read_text("utf-8"))


def test_the_odd_products_come_first_with_the_class_that_they_look_like(audited, odd):
    first = rows_of(audited).head(len(odd))
    assert set(first["product_id"]) == set(odd)
    suspects = set(rows_of(audited).loc[lambda rows: rows["is_suspect"], "product_id"])
    assert len(suspects) >= len(odd) / 2
    assert suspects <= set(odd)
    suggested = first.set_index("product_id")["suggested_category_id"]
    assert all(suggested[product_id] == 1000003400 + look for product_id, look in odd.items())


def test_every_product_is_judged_once(audited, inputs):
    rows = rows_of(audited)
    assert sorted(rows["product_id"]) == sorted(inputs.products["product_id"])
    assert audited["num_products_judged"] == len(rows)


def test_the_leak_has_three_accuracies_and_two_prices(audited):
    leak = read(audited, "leak.json")
    assert leak["reason"] is None
    assert set(leak["accuracy"]) == {"certified", "by_product", "by_image"}
    assert audited["leak_by_image"] == leak["inflation"]["by_image"]["value"]
    assert leak["num_seeds"] == 5


def test_the_same_inputs_give_the_same_bytes(audited, labels_dir_of_wine, features_dir_of_wine, tmp_path):
    again = audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path, CONFIG)
    for name in ("suspects.parquet", "leak.json", "reviews.json"):
        assert (Path(again["path"]) / name).read_bytes() == (Path(audited["path"]) / name).read_bytes()


def test_an_audit_that_stands_is_found_again(audited, labels_dir_of_wine, features_dir_of_wine):
    parent = Path(audited["path"]).parent
    assert audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), parent, CONFIG)["reused"]


def test_a_big_sample_is_bounded_by_whole_groups_and_says_so(
    labels_dir_of_wine, features_dir_of_wine, inputs, tmp_path, monkeypatch
):
    monkeypatch.setattr(stage, "_LEAK_BOUNDS", stage._Bounds(classes=3, images=150, cells=100_000))
    monkeypatch.setattr(stage, "_SUSPECT_BOUNDS", stage._Bounds(classes=4, images=200, cells=100_000))
    result = audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path, CONFIG)
    leak, judged = read(result, "leak.json"), set(rows_of(result)["product_id"])
    assert (leak["num_classes"], leak["num_classes_of_sample"]) == (3, 5)
    assert leak["num_images"] <= 150 < leak["num_images_of_sample"]
    products = inputs.products
    groups = products[products["product_id"].isin(judged)]["group_id"]
    assert rows_of(result)["category_id"].nunique() <= 4
    assert set(products[products["group_id"].isin(groups)]["product_id"]) == judged


def test_a_sample_too_small_to_be_split_anew_says_why(labels_dir_of_wine, features_dir_of_wine, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_LEAK_BOUNDS", stage._Bounds(classes=2, images=4, cells=8))
    leak = read(audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path, CONFIG), "leak.json")
    assert "fewer than two categories have the three groups" in leak["reason"]
    assert leak["accuracy"]["certified"]["value"] is None


def test_a_fixed_split_file_leaves_the_usual_shares(labels_dir_of_wine, features_dir_of_wine, audited):
    by_file = CONFIG.model_copy(update={"split": SplitConfig(file="split.csv")})
    parent = Path(audited["path"]).parent
    assert audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), parent, by_file)["reused"]


@pytest.fixture(scope="module")
def next_round(index_dir, sample_dir, labels_dir, tmp_path_factory):
    """Audit the tiny sample, keep the first and the last row of its list as a person would, and audit again."""
    folder = tmp_path_factory.mktemp("round")
    products = pd.read_parquet(labels_dir / "products.parquet")
    lone = products[~products["group_id"].duplicated(keep=False) & ~products["conflicted"]]
    odd = {int(row.product_id): (int(row.class_index) + 1) % 4 for row in lone.iloc[::6].head(5).itertuples()}
    first = audit_labels(labels_dir, make_features(labels_dir, folder, odd), Reviews(), folder, TINY_LABELS)
    audit_dir = Path(first["path"])
    text = write_list(rows_of(first), pd.read_parquet(labels_dir / "classes.parquet"), audit_dir.name[6:])
    header, _, *lines = text.splitlines()
    kept = [line for line in lines if int(line.split(",")[0]) in odd][:2]
    fixes_path, copy = folder / "fixes.csv", folder / f"reviewed-{audit_dir.name[6:]}.parquet"
    fixes_path.write_text("\n".join([header, *kept, ""]))
    copy.write_bytes((audit_dir / "suspects.parquet").read_bytes())
    fixed = fix_labels(index_dir, sample_dir, LabelFiles(fixes_path=fixes_path), folder, TINY_LABELS)
    labels = Path(fixed["path"])
    again = audit_labels(labels, make_features(labels, folder, odd), Reviews(fixes_path, (copy,)), folder, TINY_LABELS)
    return {"first": first, "labels_dir": labels, "kept": kept, "again": again}


def test_the_rows_that_a_person_leaves_are_learnt_from_in_the_next_run(next_round):
    products = pd.read_parquet(next_round["labels_dir"] / "products.parquet").set_index("product_id")
    for line in next_round["kept"]:
        product_id, category_id, _ = line.split(",", 2)
        assert products.loc[int(product_id), "rule"] == HUMAN_FIX
        assert products.loc[int(product_id), "label"] == int(category_id)


def test_what_people_found_is_counted_apart_for_suspects_and_random_rows(next_round):
    listed = rows_of(next_round["first"])
    (found,) = read(next_round["again"], "reviews.json")["lists"]
    num = listed["listed"].value_counts()
    assert (found["suspects"]["n"], found["random"]["n"]) == (num["suspect"], num["random"])
    assert found["suspects"]["value"] == pytest.approx(2 / num["suspect"], abs=1e-6)
    assert found["random"]["value"] == 0


def test_what_people_have_been_through_is_not_listed_again(next_round):
    before, after = rows_of(next_round["first"]), rows_of(next_round["again"])
    seen = set(before.loc[before["listed"] != "", "product_id"])
    assert seen.isdisjoint(after.loc[after["listed"] != "", "product_id"])


def test_a_list_whose_rows_were_all_right_is_counted(next_round, labels_dir, tmp_path):
    audit_dir = Path(next_round["first"]["path"])
    text = write_list(rows_of(next_round["first"]), pd.read_parquet(labels_dir / "classes.parquet"), audit_dir.name[6:])
    fixes_path, copy = tmp_path / "fixes.csv", tmp_path / f"reviewed-{audit_dir.name[6:]}.parquet"
    fixes_path.write_text("".join(text.splitlines(keepends=True)[:2]))
    copy.write_bytes((audit_dir / "suspects.parquet").read_bytes())
    features_dir = make_features(labels_dir, tmp_path)
    result = audit_labels(labels_dir, features_dir, Reviews(fixes_path, (copy,)), tmp_path, TINY_LABELS)
    (found,) = read(result, "reviews.json")["lists"]
    assert (found["suspects"]["value"], found["random"]["value"]) == (0, 0)


def test_a_list_whose_audit_is_gone_is_named(labels_dir_of_wine, features_dir_of_wine, tmp_path):
    (tmp_path / "fixes.csv").write_text("product_id,category_id,reason\n1000,1000003400,list 0123456789abcdef\n")
    result = audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(tmp_path / "fixes.csv"), tmp_path, CONFIG)
    assert read(result, "reviews.json") == {"lists": [], "missing": ["0123456789abcdef"]}
