from cdiscount_tasks.learning.measuring.predicted_products import STRANGER
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.pages.parts.words import class_name
from cdiscount_tasks.pages.predictions.choices import choose_shown
from cdiscount_tasks.pages.predictions.page import PredictionPictures, show_classes
from tests.material.predicted_products import answers_of

NAMES = [class_name("RED", 10), class_name("BLUE", 20)]


def shown_of(answers, pictures=None):
    pictures = PredictionPictures(pictures or {}, {})
    return show_classes(answers, choose_shown(answers), NAMES, pictures, lambda one: f"CATEGORY {one}", PictureShelf())


def cards(galleries):
    return {card.product.product_id: card for one in galleries for _, cards in one.kinds for card in cards}


def test_each_class_has_its_gallery_the_most_frequent_first():
    galleries = shown_of(answers_of(best=[1, 1, 0], product_id=[1, 2, 3]))
    assert [(one.name.full, one.num) for one in galleries] == [("BLUE", 2), ("RED", 1)]
    assert [title for title, _ in galleries[0].kinds] == ["The surest"]


def test_a_card_says_what_the_file_says():
    answers = answers_of(
        product_id=[1, 2, 3], best=[0, 0, 0], given_class=[0, 1, STRANGER], given=[10, 20, 77],
        abstained=[False, True, False], confidence=[0.9, 0.8, 0.7],
    )  # fmt: skip
    found = cards(shown_of(answers))
    assert [(found[one].given.full, found[one].is_right) for one in (1, 2, 3)] == [
        ("RED", True), ("BLUE", False), ("CATEGORY 77", False),
    ]  # fmt: skip
    assert found[2].is_abstained and not found[1].is_abstained


def test_without_categories_a_card_claims_nothing():
    card = cards(shown_of(answers_of(product_id=[5], best=[0])))[5]
    assert card.given is None and card.is_right is None


def test_a_product_has_one_picture_or_a_mark_that_none_decodes():
    found = cards(shown_of(answers_of(product_id=[1, 2], best=[0, 0]), {1: b"jpeg", 2: None}))
    assert found[1].product.pictures[0].startswith("data:image/jpeg;base64,")
    assert found[2].product.pictures == (None,)
