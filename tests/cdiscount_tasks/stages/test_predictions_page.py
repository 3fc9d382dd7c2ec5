import re
import shutil

import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.predicted_products import NEW
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import SEEN_BEFORE
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.cdiscount_tasks.stages.test_catalogue_page import write_names
from tests.material.html_page import HOSTILE
from tests.material.predicted_files import FACTS, NUM_NEW, NUM_STRANGE, STRANGE, AskedFile
from tests.material.predicted_products import make_predictions
from tests.material.report_inputs import make_inputs

pytestmark = pytest.mark.slow

REJECTED = [
    (None, 100, "id_missing", ""),
    (50_000, 150, "id_repeated", ""),
    (90_000, 200, "no_usable_image", "image 0 is damaged"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("model"), num_products=300)


@pytest.fixture(scope="module")
def told(tmp_path_factory, inputs):
    case = AskedFile(tmp_path_factory.mktemp("told"), inputs, rejected=REJECTED)
    return case, *case.write()


@pytest.fixture(scope="module")
def untold(tmp_path_factory, inputs):
    case = AskedFile(tmp_path_factory.mktemp("untold"), inputs, with_truth=False, target_precision=None)
    return case, *case.write()


def test_the_folder_is_whole_and_has_copies_of_the_tables(told):
    case, result, _ = told
    assert result["path"] == str(case.out_dir)
    assert verify_artifact(case.out_dir) == 5
    for name in ("predictions.parquet", "rejected.parquet", "submission.csv"):
        assert (case.out_dir / name).read_bytes() == (case.predictions_dir / name).read_bytes()


def test_every_document_is_answered_held_back_or_rejected(told):
    _, result, summary = told
    counts = summary["counts"]
    assert counts["num_documents"] == 300 + NUM_NEW + NUM_STRANGE + 3 == result["num_documents"]
    assert counts["num_answered"] + counts["num_abstained"] + counts["num_rejected"] == counts["num_documents"]
    assert counts["rejected"] == {"id_missing": 1, "id_repeated": 1, "no_usable_image": 1}


def test_a_rejected_document_whose_id_is_predicted_has_its_answer_in_the_submission(told):
    text = told[0].page.text
    assert "In submission.csv product ids of which nothing was predicted have the class that is most frequent" in text
    assert "those with a product id" not in text


def test_damaged_images_are_counted_as_in_the_predictions(told):
    case, _, summary = told
    of_predicted = int(case.answers.num_damaged.sum())
    assert summary["counts"]["num_damaged_images_of_predicted"] == of_predicted == 8
    made = read_manifest(case.predictions_dir)["result"]
    assert summary["counts"]["num_damaged_images"] == made["num_damaged_images"] == of_predicted + 1
    assert "9 damaged images left out: 8 in 8 products predicted all the same, 1 in rejected products" in case.page.text


def test_the_accuracy_on_the_models_test_split_is_that_of_its_evaluation(told, inputs):
    _, _, summary = told
    tested = inputs.products[inputs.products["split"] == "test"]
    assert summary["truth"]["accuracy"]["test"]["n"] == len(tested)
    right = (tested["predicted"] == tested["class_index"]).mean()
    assert summary["truth"]["accuracy"]["test"]["value"] == pytest.approx(right, abs=1e-6)


def test_the_headline_is_the_accuracy_on_new_products(told):
    _, result, summary = told
    assert summary["truth"]["headline"] == result["accuracy_of"] == "new"
    assert summary["truth"]["accuracy"]["new"]["n"] == NUM_NEW
    assert result["accuracy"] == summary["truth"]["accuracy"]["new"]["value"]


def test_products_of_other_categories_are_counted_and_named(told):
    case, _, summary = told
    strange = summary["strangers"]
    assert (strange["num_products"], strange["num_categories"]) == (NUM_STRANGE, 1)
    assert strange["categories"][0]["name"] == str(STRANGE)
    assert 0 < strange["num_answered"] < NUM_STRANGE
    assert "of them have an answer all the same, and each such answer is wrong" in case.page.text


def test_the_first_screen_answers_four_questions(told):
    text = told[0].page.text
    for question in (
        "How many products have an answer?", "How often is it right?",
        "Do the products belong to the model's classes?", "Are they like what it learnt from?",
    ):  # fmt: skip
        assert question in text


def test_new_pictures_of_another_kind_are_drift(told):
    case, result, summary = told
    assert result["num_alarms"] == len(summary["drift"]["alarms"]) > 0
    assert summary["drift"]["counts"]["num_new_products"] == NUM_NEW + NUM_STRANGE
    assert "No. What differs by more than chance explains" in case.page.text


def test_the_page_is_one_file_without_script_or_network(told):
    page = told[0].page
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    sources = [attrs["src"] for attrs in page.all("img")]
    assert len(sources) > 50 and all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert (told[0].out_dir / "predictions.html").stat().st_size < 5_000_000


def test_every_link_has_its_target_and_no_id_stands_twice(told):
    case = told[0]
    page = case.page
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    files = {"../../../index.html", FACTS["report"], *(path.name for path in case.out_dir.iterdir())}
    assert {attrs["href"] for attrs in page.all("a")} <= files | {f"#{name}" for name in ids}


def test_tables_have_captions_and_scopes_and_pictures_alternative_texts(told):
    page = told[0].page
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attrs.get("scope") in {"row", "col"} for attrs in page.all("th"))
    assert all("icture" in attrs["alt"] for attrs in page.all("img"))


def test_without_categories_the_expected_accuracy_is_told_with_its_caveat(untold):
    case, result, summary = untold
    assert summary["truth"] is None and result["accuracy"] is None
    rows = case.answers.known != 0
    assert result["expected_accuracy"] == pytest.approx(case.answers.confidence[rows].mean(), abs=1e-6)
    text = case.page.text
    assert "are expected to be right" in text
    assert "It holds for products of the model's classes that are like its training data, and for no others." in text


def test_without_a_target_every_product_is_answered(untold):
    case, result, _ = untold
    assert result["num_answered"] == result["num_predicted"] and result["target_precision"] is None
    assert "the model answers whatever it can see" in case.page.text


def test_the_same_inputs_give_the_same_bytes(told, tmp_path):
    case = told[0]
    before = {path.name: path.read_bytes() for path in case.out_dir.iterdir() if path.name != "manifest.json"}
    case.write()
    assert {name: (case.out_dir / name).read_bytes() for name in before} == before


def test_hostile_names_break_nothing(told, tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    case.write(write_names(tmp_path / "names.csv", [HOSTILE[0]], [STRANGE]), title=HOSTILE[1], catalogue=HOSTILE[0])
    assert case.page.all("script") == []
    assert len(case.page.all("title")) == 1


def test_a_sample_that_keeps_its_pictures_has_none_on_the_page(tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    case.write(embed_pictures=False)
    assert case.page.all("img") == []
    assert "no picture of the catalogue is on this page" in case.page.text


@pytest.mark.parametrize("learnt", ["file", "drawn"])
def test_a_model_of_drawn_pictures_is_told_on_top_of_a_file_of_photographs(tmp_path, inputs, learnt):
    case = AskedFile(tmp_path, inputs)
    result, summary = case.write(model_origin=learnt)
    assert (result["origin"], result["model_origin"], summary["model_origin"]) == ("file", learnt, learnt)
    text, is_drawn = case.page.text, learnt == "drawn"
    assert (DRAWN_WARNING in text) == is_drawn
    sentence = "The model learnt from drawn pictures and this file holds photographs: the answers mean nothing."
    assert (sentence in text) == is_drawn
    assert "pictures that belong to the catalogue" in text


def test_a_file_that_holds_only_known_products_has_no_drift(tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    known = case.answers.known != NEW
    answers = type(case.answers)(*(column[known] for column in case.answers))
    ids = sorted(set(inputs.products["class_index"] + 1000003400))
    case.predictions_dir = make_predictions(tmp_path / "known", answers, ids, (), 0.95)
    _, summary = case.write()
    assert summary["drift"]["reason"] == "the model's labels have every product of the file"
    assert summary["truth"]["headline"] == "test"
    assert "Nothing to compare" in case.page.text


def test_where_all_new_products_are_of_other_categories_nothing_is_said_of_its_own(tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    is_left = (case.answers.known != NEW) | (case.answers.given == STRANGE)
    answers = type(case.answers)(*(column[is_left] for column in case.answers))
    answers = answers._replace(abstained=answers.abstained | (answers.given == STRANGE))
    ids = sorted(set(inputs.products["class_index"] + 1000003400))
    case.predictions_dir = make_predictions(tmp_path / "left", answers, ids, (), 0.95)
    _, summary = case.write()
    assert summary["strangers"]["num_new"] == summary["known"]["new"] == NUM_STRANGE
    text = case.page.text
    assert "Its new products are not: all are of other categories" in text
    assert f"No. All {NUM_STRANGE} products that are new to the model are of other categories. What differs" in text
    assert f"None of the {NUM_STRANGE} others is answered." in text


def test_of_products_of_other_categories_that_are_all_held_back_the_bar_says_zero(tmp_path, inputs, monkeypatch):
    case = AskedFile(tmp_path, inputs)
    calibration = read_json(inputs.dirs["evaluation"] / "calibration.json")
    for one in calibration["thresholds"]:
        one.update(threshold=None, note="No threshold keeps it.")
    monkeypatch.setattr("cdiscount_tasks.stages.predictions_page.read_json", lambda _: calibration)
    answers = case.answers._replace(abstained=case.answers.abstained | True)
    ids = sorted(set(inputs.products["class_index"] + 1000003400))
    case.predictions_dir = make_predictions(tmp_path / "never", answers, ids, (), 0.95)
    case.write()
    assert "answered 0.0 % Share of the products of other categories that have an answer" in case.page.text


def test_what_the_model_knows_through_another_one_is_in_no_accuracy(tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    model_dir = shutil.copytree(inputs.dirs["model"], tmp_path / "began" / inputs.dirs["model"].name)
    tested = inputs.products[inputs.products["split"] == "test"]
    seen = tested[tested["group_id"].isin(tested["group_id"].unique()[:10])]
    rows = {"product_id": [*seen["product_id"], 50_000], "split": ["train"] * (len(seen) + 1)}
    rows["content_hash"] = rows["pixel_hash"] = [bytes(16)] * (len(seen) + 1)
    write_table(model_dir / "seen_before.parquet", rows, SEEN_BEFORE)
    case.model = case.model._replace(model_dir=model_dir)
    _, summary = case.write()
    accuracy = summary["truth"]["accuracy"]
    assert (accuracy["test"]["n"], accuracy["new"]["n"]) == (len(tested) - len(seen), NUM_NEW - 1)


def test_answers_of_another_model_are_refused(tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    ids = [5, *sorted(set(inputs.products["class_index"] + 1000003400))[1:]]
    case.predictions_dir = make_predictions(tmp_path / "other", case.answers, ids)
    with pytest.raises(DataError, match=re.escape("category 5, which is none of the model's 5 classes")):
        case.write()


def test_a_file_that_changed_since_it_was_asked_about_is_refused(tmp_path, inputs):
    case = AskedFile(tmp_path, inputs)
    case.path.write_bytes(case.path.read_bytes()[: case.path.stat().st_size // 2])
    with pytest.raises(DataError, match="changed since it was indexed"):
        case.write()
