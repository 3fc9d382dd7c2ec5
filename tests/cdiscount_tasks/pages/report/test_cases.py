import base64
import io

import numpy as np
import pandas as pd
from PIL import Image

from cdiscount_tasks.learning.measuring.choices import choose_products
from cdiscount_tasks.pages.labels.rows import Picture
from cdiscount_tasks.pages.report.activation_pictures import draw_map
from cdiscount_tasks.pages.report.cases import BUDGET_BYTES, Evidence, TwinRow, show_galleries
from cdiscount_tasks.vocabulary import DRAWN_COMMENT

LARGEST_BYTES = 5_000_000


def noise(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (180, 180, 3), np.uint8))


def make_products(num_products, num_classes=12):
    random = np.random.default_rng(0)
    product_id = np.arange(num_products)
    return pd.DataFrame(
        {
            "product_id": product_id,
            "group_id": product_id,
            "class_index": random.integers(0, num_classes, num_products),
            "predicted": random.integers(0, num_classes, num_products),
            "probability": random.random(num_products),
            "probability_of_label": 0.1,
            "conflicted": False,
        }
    )


def make_evidence(choices, num_images=1, **given):
    ids = sorted(choices.product_ids())
    pictures = {Picture(one, number): noise(one) for one in ids for number in range(num_images)}
    return Evidence({one: range(num_images) for one in ids}, pictures, **given)


def size_of(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).size


def uris_of(galleries):
    cases = [*galleries.mistakes, *galleries.uncertain, *galleries.random]
    cases += [
        one
        for pair in galleries.pairs
        for part in (pair.mistakes, pair.typical_true, pair.typical_predicted)
        for one in part
    ]
    for case in cases:
        yield from (uri for shown in case.pictures for uri in (shown.uri, shown.map_uri) if uri)
        yield from (twin.uri for twin in case.twins if twin.uri)


def test_pictures_that_do_not_shrink_still_leave_the_page_below_5_mb():
    choices = choose_products(make_products(1_000))
    maps = {
        Picture(one, number): np.ones((7, 7), np.float32)
        for one in choices.mistaken["product_id"]
        for number in range(4)
    }
    twins = {one: [TwinRow(Picture(one, 0), 0, 0.9)] * 3 for one in choices.mistakes["product_id"]}
    galleries = show_galleries(choices, make_evidence(choices, 4, maps=maps, twins=twins))
    embedded = sum(map(len, uris_of(galleries)))
    assert 0.5 * LARGEST_BYTES < embedded < 0.8 * LARGEST_BYTES
    assert sum(BUDGET_BYTES.values()) * 4 / 3 < 0.8 * LARGEST_BYTES


def test_every_product_has_its_first_picture_before_any_has_a_second(monkeypatch):
    choices = choose_products(make_products(30, num_classes=1))
    sizes = show_galleries(choices, make_evidence(choices, 3)).random
    one_each = sum(len(case.pictures[0].uri) for case in sizes) * 3 // 4
    monkeypatch.setitem(BUDGET_BYTES, "random", one_each)
    galleries = show_galleries(choices, make_evidence(choices, 3))
    assert [len(case.pictures) for case in galleries.random] == [1] * 24
    assert [case.num_left_out for case in galleries.random] == [2] * 24


def test_the_first_picture_is_larger_than_the_others():
    choices = choose_products(make_products(3))
    first, second = show_galleries(choices, make_evidence(choices, 2)).random[0].pictures
    assert (size_of(first.uri), size_of(second.uri)) == ((160, 160), (96, 96))


def test_a_picture_that_does_not_decode_is_shown_as_such_and_counts_as_shown():
    choices = choose_products(make_products(1))
    evidence = Evidence({0: [0, 2]}, {Picture(0, 0): None, Picture(0, 2): noise(0)})
    (case,) = show_galleries(choices, evidence).random
    assert [shown.uri is None for shown in case.pictures] == [True, False]
    assert case.num_left_out == 0


def test_only_mistakes_have_maps_and_only_the_most_confident_have_twins():
    choices = choose_products(make_products(60))
    maps = {Picture(one, 0): np.eye(3, dtype=np.float32) for one in choices.mistaken["product_id"]}
    twins = {one: [TwinRow(Picture(one, 0), 1, 0.5)] for one in choices.mistakes["product_id"]}
    galleries = show_galleries(choices, make_evidence(choices, maps=maps, twins=twins))
    assert all(case.has_maps and case.twins for case in galleries.mistakes)
    assert all(case.has_maps and not case.twins for pair in galleries.pairs for case in pair.mistakes)
    assert not any(case.has_maps or case.twins for case in (*galleries.uncertain, *galleries.random))
    assert galleries.map_grid == (3, 3)


def test_twins_are_counted_by_whose_side_they_take():
    choices = choose_products(make_products(60))
    mistake = choices.mistakes.iloc[0]
    true, predicted, product_id = (int(mistake[name]) for name in ("class_index", "predicted", "product_id"))
    twins = {product_id: [TwinRow(Picture(1, 0), one, 0.5) for one in (true, predicted, predicted)]}
    case = show_galleries(choices, make_evidence(choices, twins=twins)).mistakes[0]
    assert (case.num_twins_of(true), case.num_twins_of(predicted)) == (1, 2)


def test_a_map_is_bright_where_it_speaks_for_the_class_and_outlined_there():
    picture = Image.new("RGB", (100, 100), (128, 128, 128))
    values = np.zeros((10, 10), np.float32)
    values[:5, :5] = 4
    drawn = np.asarray(draw_map(picture, values, 4.0)).astype(int)
    yellow, blue = drawn[20, 20], drawn[80, 80]
    assert yellow[0] > yellow[2] and blue[2] > blue[0]
    assert (drawn == 255).all(axis=2).any() and (drawn == 0).all(axis=2).any()


def test_a_map_that_speaks_against_its_class_everywhere_has_no_outline():
    drawn = np.asarray(draw_map(Image.new("RGB", (50, 50), (90, 90, 90)), np.full((3, 3), -1, np.float32), -1.0))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 1


def test_a_map_over_a_drawn_picture_still_says_that_it_is_drawn():
    picture = Image.new("RGB", (50, 50))
    picture.info["comment"] = DRAWN_COMMENT
    assert draw_map(picture, np.ones((2, 2), np.float32), 1.0).info["comment"] == DRAWN_COMMENT
