import csv
import io
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from cdiscount_tasks.labelling.rules import HUMAN_EXCLUSION, HUMAN_FIX
from cdiscount_tasks.learning.features.drawn_part import Bounds
from cdiscount_tasks.pages.suspects.rows import list_rows, write_list
from cdiscount_tasks.settings.sample import LabelConfig, SplitConfig
from cdiscount_tasks.stages import audit as stage
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.inputs import LabelFiles, Reviews
from cdiscount_tasks.stages.labels import fix_labels
from tests.conftest import TINY_LABELS
from tests.material.audit_inputs import make_features
from tests.material.report_inputs import WINE, make_inputs

pytestmark = pytest.mark.slow

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


def test_an_audit_says_first_what_it_judges_and_counts_as_it_goes(
    labels_dir_of_wine, features_dir_of_wine, tmp_path, caplog
):
    with caplog.at_level(logging.INFO, "cdiscount_tasks"):
        audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path, CONFIG)
    told = [record.message for record in caplog.records]
    assert re.match(r"judging \d+ products of \d+ categories", told[0])
    num = told[0].split()[1]
    assert [line for line in told if line.startswith("judged ")][-1] == f"judged {num} of {num} products"
    assert "priced 5 of 5 splits" in told


def test_an_audit_that_stands_is_found_again(audited, labels_dir_of_wine, features_dir_of_wine):
    parent = Path(audited["path"]).parent
    assert audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), parent, CONFIG)["reused"]


def test_a_big_sample_is_bounded_by_whole_groups_and_says_so(
    labels_dir_of_wine, features_dir_of_wine, inputs, tmp_path, monkeypatch
):
    monkeypatch.setattr(stage, "_LEAK_BOUNDS", Bounds(classes=3, images=150, cells=100_000))
    monkeypatch.setattr(stage, "_SUSPECT_BOUNDS", Bounds(classes=4, images=200))
    result = audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path, CONFIG)
    leak, judged = read(result, "leak.json"), set(rows_of(result)["product_id"])
    assert (leak["num_classes"], leak["num_classes_of_sample"]) == (3, 5)
    assert leak["num_images"] <= 150 < leak["num_images_of_sample"]
    products = inputs.products
    groups = products[products["product_id"].isin(judged)]["group_id"]
    assert rows_of(result)["category_id"].nunique() <= 4
    assert set(products[products["group_id"].isin(groups)]["product_id"]) == judged


def test_a_sample_too_small_to_be_split_anew_says_why(labels_dir_of_wine, features_dir_of_wine, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_LEAK_BOUNDS", Bounds(classes=2, images=4, cells=8))
    leak = read(audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), tmp_path, CONFIG), "leak.json")
    assert "fewer than two categories have the three groups" in leak["reason"]
    assert leak["accuracy"]["certified"]["value"] is None


def test_a_fixed_split_file_leaves_the_usual_shares(labels_dir_of_wine, features_dir_of_wine, audited):
    by_file = CONFIG.model_copy(update={"split": SplitConfig(file="split.csv")})
    parent = Path(audited["path"]).parent
    assert audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(), parent, by_file)["reused"]


def judge(text, verdicts):
    """Write verdicts into a list as a person does in a spreadsheet: product_id -> verdict."""
    rows = list(csv.DictReader(text.splitlines()))
    for row in rows:
        row["verdict"] = verdicts.get(int(row["product_id"]), "")
    made = io.StringIO()
    writer = csv.DictWriter(made, rows[0].keys(), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


@pytest.fixture(scope="module")
def rounds(index_dir, sample_dir, labels_dir, tmp_path_factory):
    """Audit the tiny sample once; returns what audits it again after its list was judged by some verdicts."""
    folder = tmp_path_factory.mktemp("round")
    products = pd.read_parquet(labels_dir / "products.parquet")
    lone = products[~products["group_id"].duplicated(keep=False) & ~products["conflicted"]]
    odd = {int(row.product_id): (int(row.class_index) + 1) % 4 for row in lone.iloc[::6].head(5).itertuples()}
    first = audit_labels(labels_dir, make_features(labels_dir, folder, odd), Reviews(), folder, TINY_LABELS)
    audit_dir = Path(first["path"])
    text = write_list(list_rows(rows_of(first), pd.read_parquet(labels_dir / "classes.parquet"), audit_dir.name[6:]))
    fixes_path, copy = folder / "fixes.csv", folder / f"reviewed-{audit_dir.name[6:]}.parquet"
    copy.write_bytes((audit_dir / "suspects.parquet").read_bytes())
    listed = rows_of(first).loc[lambda rows: rows["listed"] != ""].set_index("product_id")

    def again(fixes_text):
        fixes_path.write_text(fixes_text, encoding="utf-8", newline="")
        fixed = fix_labels(index_dir, sample_dir, LabelFiles(fixes_path=fixes_path), folder, TINY_LABELS)
        labels = Path(fixed["path"])
        reviews = Reviews(fixes_path, (copy,))
        audited = audit_labels(labels, make_features(labels, folder, odd), reviews, folder, TINY_LABELS)
        return SimpleNamespace(labels_dir=labels, audit=audited, rows=rows_of(audited).set_index("product_id"))

    return SimpleNamespace(listed=listed, text=text, again=again, key=audit_dir.name[6:])


@pytest.fixture(scope="module")
def half_done(rounds):
    """Judge some of the rows: two suggestions right, one random row right, one suspect unsure; the rest is left."""
    suspects = rounds.listed.index[rounds.listed["listed"] == "suspect"].tolist()
    (random_one, *_) = rounds.listed.index[rounds.listed["listed"] == "random"].tolist()
    verdicts = {suspects[0]: "suggested", suspects[1]: "suggested", suspects[2]: "unsure", random_one: "catalogue"}
    return SimpleNamespace(verdicts=verdicts, **vars(rounds.again(judge(rounds.text, verdicts))))


def test_verdicts_are_learnt_from_in_the_next_run_and_rows_without_one_are_not(rounds, half_done):
    products = pd.read_parquet(half_done.labels_dir / "products.parquet").set_index("product_id")
    for product_id in rounds.listed.index:
        verdict = half_done.verdicts.get(product_id)
        rule = {"suggested": HUMAN_FIX, "unsure": HUMAN_EXCLUSION}.get(verdict)
        assert (products.loc[product_id, "rule"] in (HUMAN_FIX, HUMAN_EXCLUSION)) == (rule is not None)
        if verdict == "suggested":
            assert products.loc[product_id, "label"] == rounds.listed.loc[product_id, "suggested_category_id"]


def test_shares_are_over_the_rows_that_people_looked_at_and_were_sure_of(rounds, half_done):
    (found,) = read(half_done.audit, "reviews.json")["lists"]
    assert (found["num_listed"], found["num_looked_at"], found["num_unsure"]) == (len(rounds.listed), 4, 1)
    assert (found["suspects"]["n"], found["suspects"]["value"]) == (2, 1)
    assert (found["random"]["n"], found["random"]["value"]) == (1, 0)
    assert found["num_kept"] is None


def test_what_nobody_looked_at_is_listed_again_as_what_it_was_and_what_was_judged_is_not(rounds, half_done):
    for product_id, row in rounds.listed.iterrows():
        if product_id in half_done.verdicts:
            assert product_id not in half_done.rows.index
        else:
            assert half_done.rows.loc[product_id, "listed"] == row["listed"]


def test_a_list_that_was_saved_untouched_says_nothing(rounds):
    untouched = rounds.again(rounds.text)
    (found,) = read(untouched.audit, "reviews.json")["lists"]
    assert (found["num_looked_at"], found["suspects"]["n"], found["random"]["value"]) == (0, 0, None)
    products = pd.read_parquet(untouched.labels_dir / "products.parquet")
    assert not products["rule"].isin([HUMAN_FIX, HUMAN_EXCLUSION]).any()
    assert set(rounds.listed.index) <= set(untouched.rows.index[untouched.rows["listed"] != ""])


def test_a_list_whose_rows_were_all_right_is_counted(rounds):
    done = rounds.again(judge(rounds.text, dict.fromkeys(rounds.listed.index, "catalogue")))
    (found,) = read(done.audit, "reviews.json")["lists"]
    assert found["num_looked_at"] == found["num_listed"] == found["suspects"]["n"] + found["random"]["n"]
    assert (found["suspects"]["value"], found["random"]["value"]) == (0, 0)
    assert set(rounds.listed.index).isdisjoint(done.rows.index[done.rows["listed"] != ""])


def test_an_older_list_is_learnt_from_as_before_and_no_share_is_told(rounds):
    """Its deleted rows may have been right, or not looked at: they are listed again."""
    kept, *gone = rounds.listed.index
    row = f"{kept},{rounds.listed.loc[kept, 'suggested_category_id']},score 3 of 5; list {rounds.key}"
    old = rounds.again(f"product_id,category_id,reason\n{row}\n")
    (found,) = read(old.audit, "reviews.json")["lists"]
    assert (found["num_kept"], found["num_looked_at"], found["suspects"]["value"]) == (1, None, None)
    products = pd.read_parquet(old.labels_dir / "products.parquet").set_index("product_id")
    assert products.loc[kept, "rule"] == HUMAN_FIX
    assert set(gone) <= set(old.rows.index[old.rows["listed"] != ""])


def test_a_list_whose_audit_is_gone_is_named(labels_dir_of_wine, features_dir_of_wine, tmp_path):
    (tmp_path / "fixes.csv").write_text("product_id,category_id,reason\n1000,1000003400,list 0123456789abcdef\n")
    result = audit_labels(labels_dir_of_wine, features_dir_of_wine, Reviews(tmp_path / "fixes.csv"), tmp_path, CONFIG)
    assert read(result, "reviews.json") == {"lists": [], "missing": ["0123456789abcdef"]}
