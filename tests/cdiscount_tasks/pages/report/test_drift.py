import io

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from PIL import Image

from cdiscount_tasks.learning.measuring.answer_drift import Answered, compare_answers
from cdiscount_tasks.learning.measuring.drift import PROPERTIES_COMPARED, Speakers, measure_drift
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.pages.report.drift import MOST_CLASSES, drift_pictures, render_drift_section, show_drift
from tests.material.html_page import HOSTILE, Page

COUNTS = {
    "num_products_learnt": 300, "num_products_now": 450, "num_same_products": 290, "num_new_products": 150,
    "num_changed_products": 10, "num_moved_products": 4, "num_gone_products": 1, "num_groups_before": 200,
    "num_groups_now": 150, "num_pictures_before": 200, "num_pictures_now": 150,
}  # fmt: skip
NO_PICTURES = pd.DataFrame({"side": [], "product_id": [], "image_number": [], "category_id": [], "score": []})


def jpeg():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()


def drift_of(darker=0.0, names=("RED", "GREEN", "BLUE"), with_features=True, reason=None, moved=(), groups_now=None):
    random, is_now = np.random.default_rng(0), np.repeat([False, True], [200, 150])
    if reason:
        is_now = is_now[:0]
    properties = random.normal(100, 10, (len(is_now), len(PROPERTIES_COMPARED)))
    properties[is_now, 0] -= darker
    features = properties.astype(np.float32) if with_features else None
    category_id = 10 + np.arange(len(is_now)) % len(names)
    groups = [60] * len(names)
    lists = pd.DataFrame(
        {
            "name": names, "products_before": groups, "groups_before": groups,
            "products_now": groups_now or groups, "groups_now": groups_now or groups,
        },
        index=pd.Index(10 + np.arange(len(names))),
    )  # fmt: skip
    moves = pd.DataFrame(moved, columns=["from_id", "to_id", "num_products"])
    speakers = Speakers(is_now, category_id, np.arange(len(is_now)), properties, features)
    facts, shown = measure_drift(speakers, lists, moves, COUNTS, reason=reason, no_features="no features")
    rows = [(side, 1000 + place, 0, int(category_id[place]), score) for side, place, score in shown]
    return facts, pd.DataFrame(rows, columns=NO_PICTURES.columns)


def answers_of(**changes):
    is_now = np.repeat([False, True], [100, 80])
    probability = np.where(is_now, changes.get("sure", 0.9), 0.9) + np.tile(np.linspace(0, 0.05, 20), 9)
    return compare_answers(Answered(is_now, np.full(180, 10), probability), {10: "RED"}, changes.get("reason"))


@pytest.mark.parametrize(("sure", "words"), [(0.9, "as before"), (0.6, "differently")])
def test_what_the_champion_answers_is_told(sure, words):
    facts, _ = drift_of()
    text = page_of({**facts, "answers": answers_of(sure=sure)}).text
    assert f"The champion answers new products {words}" in text.replace(" :", ":")
    assert "no class is answered clearly more or less often. Compared are new products of 80 groups with" in text


def test_why_the_champion_s_answers_were_not_compared_is_told():
    facts, _ = drift_of()
    text = page_of({**facts, "answers": answers_of(reason="the champion was not asked")}).text
    assert "answers to new products were not compared: the champion was not asked." in text


def test_a_drift_of_an_older_version_has_no_answers():
    facts, _ = drift_of()
    del facts["answers"]
    assert "The champion answers" not in page_of(facts).text


def page_of(facts, pictures=NO_PICTURES, thumbnails=None, shelf=None):
    section = render_drift_section(facts, pictures, thumbnails or {}, shelf)
    assert isinstance(section, Markup)
    return Page(section)


def test_a_drift_is_told_in_the_words_of_its_alarms_with_pictures_of_both_sides():
    facts, pictures = drift_of(darker=20)
    page = page_of(facts, pictures, dict.fromkeys(drift_pictures(pictures), jpeg()))
    assert "Yes. What has changed by more than chance explains: Pictures are darker: median brightness" in page.text
    assert len(page.all("img")) == len(pictures) == 24
    assert "they look different" in page.text
    assert "The pictures that it is surest about show the difference" in page.text


def test_without_drift_the_page_says_so():
    page = page_of(*drift_of())
    assert "✓ No change is seen that chance does not explain." in page.text
    assert "that is no alarm" in page.text
    assert page.text.count(" yes ") == 0


def test_the_products_are_counted():
    text = page_of(drift_of()[0]).text
    assert "sample had 301 products, 300 of them to learn and validate. Today" in text
    assert "s has 450: 290 are the same" in text
    assert "150 are new, 10 have new pictures, 4 have a different category; 1 is not in it any more." in text
    assert "150 groups against 200" in text


def test_every_property_has_a_row():
    page = page_of(drift_of(darker=20)[0])
    assert len(page.all("tr")) == 1 + len(PROPERTIES_COMPARED) + 1 + 3
    assert all(name.replace("_", " ") in page.text for name in PROPERTIES_COMPARED)


def test_where_nothing_was_measured_the_reason_is_told():
    page = page_of(drift_of(reason="no product is new")[0])
    assert "Nothing to measure: no product is new." in page.text
    assert page.all("table") == []
    assert "was not measured" not in page.text


def test_a_class_that_vanished_is_an_alarm_even_where_no_product_is_new():
    page = page_of(drift_of(reason="no product is new", groups_now=[60, 60, 0])[0])
    assert "Yes." in page.text
    assert "Vanished classes: BLUE (60 products)." in page.text


def test_a_renamed_class_is_told():
    facts, _ = drift_of(groups_now=[60, 60, 0], moved=[(12, 11, 57)])
    assert "Under a new id: 57 products of BLUE (12) are now in GREEN (11)." in page_of(facts).text


def test_of_many_renamed_classes_some_are_told_and_the_others_counted():
    names, moved = [f"CLASS {number}" for number in range(52)], [(10 + place, 36 + place, 9) for place in range(26)]
    text = page_of(drift_of(names=names, groups_now=[0] * 26 + [60] * 26, moved=moved)[0]).text
    assert text.count("Under a new id:") == 20
    assert "6 further classes have a new id." in text


def test_without_features_the_page_says_why():
    text = page_of(drift_of(with_features=False)[0]).text
    assert "Whether a classifier could tell new pictures from old ones was not measured: no features." in text


def test_of_many_classes_the_clearest_changes_are_shown():
    facts, pictures = drift_of(names=[f"CLASS {number}" for number in range(30)])
    assert len(show_drift(facts, pictures, {}).shares) == MOST_CLASSES
    assert "The 20 classes of 30 whose share changed most clearly." in page_of(facts).text


def test_pictures_keep_to_the_budget_of_the_page():
    facts, pictures = drift_of(darker=20)
    thumbnails = dict.fromkeys(drift_pictures(pictures), jpeg())
    page = page_of(facts, pictures, thumbnails, PictureShelf(5 * len(jpeg())))
    assert len(page.all("img")) == 5
    assert page.text.count("left out to keep this page small") == 19


def test_a_picture_that_does_not_decode_is_marked():
    facts, pictures = drift_of(darker=20)
    assert "1 damaged" in page_of(facts, pictures, {drift_pictures(pictures)[0]: None}).text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_break_nothing(name):
    facts, _ = drift_of(names=[name, "GREEN", "BLUE"], groups_now=[0, 60, 60], moved=[(10, 11, 60)])
    page = page_of(facts)
    assert page.all("script") == []
    assert not any("onerror" in attrs for attrs in page.all("img"))
