import pytest

from cdiscount_tasks.pages.parts import words
from cdiscount_tasks.settings.networks import DESCRIPTOR


def make_class(name, category_id=1000003400):
    return {"level3": name, "category_id": category_id}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (48, "48 s"), (59.7, "1 min 00 s"), (192, "3 min 12 s"), (7500, "2 h 05 min")],
)
def test_a_duration_is_told_in_the_units_that_matter(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("n", "text"), [(0, "0 products"), (1, "1 product"), (7916, "7,916 products")])
def test_a_count_carries_its_noun(n, text):
    assert words.count(n, "product") == text


def test_an_undefined_figure_reads_as_a_dash_without_an_interval():
    assert words.number(None) == words.percent(None) == words.NO_FIGURE
    assert words.interval({"low": None, "high": None}) == "no interval"


def test_a_figure_that_rounds_to_zero_has_no_sign():
    assert words.number(-0.0004) == "0.000"
    assert words.number(-0.0006) == "-0.001"


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def test_a_share_is_written_in_per_cent_with_one_decimal_and_its_interval():
    assert words.share(figure(0.7358, 0.6624, 0.7991)) == "73.6 %, 66.2 to 79.9"
    assert words.share(figure(0.5)) == "50.0 %"
    assert words.share(figure(None)) == "undefined"
    assert words.percent_interval(figure(0.5)) == "no interval"


def test_a_difference_is_written_in_points_and_turned_round_by_its_sign():
    gap = figure(-0.081, -0.132, -0.03)
    assert words.points(gap) == "\N{MINUS SIGN}8.1 points (\N{MINUS SIGN}13.2 to \N{MINUS SIGN}3.0)"
    assert words.points(gap, -1) == "8.1 points (3.0 to 13.2)"
    assert words.points(figure(0.081)) == "+8.1 points"
    assert words.points(figure(None)) == "undefined"
    assert (words.distance(0.113), words.distance(None)) == ("11.3 points", words.NO_FIGURE)


@pytest.mark.parametrize(("text", "said"), [("no weights", "No weights."), ("Why?", "Why?"), ("", "")])
def test_a_sentence_begins_large_and_ends_with_a_stop(text, said):
    assert words.sentence(text) == said


def test_classes_that_share_a_name_are_told_apart_by_their_ids():
    names = words.class_names([make_class("VIN", 1), make_class("VIN", 2), make_class("EAU", 3)])
    assert [name.short for name in names] == ["VIN (1)", "VIN (2)", "EAU"]


def test_a_long_name_is_cut_in_tables_and_kept_in_full():
    (name,) = words.class_names([make_class("X" * 300)])
    assert len(name.short) == 60
    assert name.full == "X" * 300


def test_a_name_of_control_characters_gives_way_to_the_id():
    (name,) = words.class_names([make_class("\x00\n\t ", 7)])
    assert name.short == "7"


def test_a_name_without_end_is_cut_in_full_as_well():
    (name,) = words.class_names([make_class("X" * 5000)])
    assert len(name.full) == 300


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("mobilenet_v2", "features of MobileNetV2, trained on ImageNet"),
        ("one_that_is_gone", "features of one_that_is_gone, trained on ImageNet"),
        (DESCRIPTOR, "the descriptor of shapes and colours that comes with the project"),
    ],
)
def test_what_looked_at_the_pictures_is_named(network, text):
    assert words.features_named(network) == text


@pytest.mark.parametrize(
    ("num_with_truth", "num_answered", "num_of_classes", "said"),
    [
        (90, 60, 0, "none of its 90 products is of the model's classes: every answer is wrong"),
        (90, 0, 0, "none of its 90 products is of the model's classes: every answer would be wrong"),
        (70, 60, 0, "none of the 70 products with a category is of the model's classes: every answer to them is wrong"),
        (90, 60, 1, None),
        (0, 60, None, None),
    ],
)
def test_a_file_of_other_categories_alone_is_told(num_with_truth, num_answered, num_of_classes, said):
    counts = {"num_predicted": 90, "num_with_truth": num_with_truth, "num_answered": num_answered}
    assert words.of_no_class(counts, num_of_classes) == said
