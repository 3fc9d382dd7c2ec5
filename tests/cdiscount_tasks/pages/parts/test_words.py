import pytest

from cdiscount_tasks.pages.parts import words


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
