import base64
import io

from PIL import Image

from cdiscount_tasks.pages.labels.page import PICTURE_BUDGET_BYTES, class_shares, embed_pictures, join_placeholders
from cdiscount_tasks.pages.labels.rows import Listed, Picture, Placeholder


def decode(jpeg):
    return Image.open(io.BytesIO(jpeg))


def make_classes(*counts):
    return [
        {"class_index": place, "num_products": {"train": train, "validation": 0, "test": test}}
        for place, (train, test) in enumerate(counts)
    ]


def test_pictures_are_embedded_as_they_are():
    embedded = embed_pictures([Picture(1, 0)], {Picture(1, 0): b"jpeg"})
    assert base64.b64decode(embedded[Picture(1, 0)].split(",")[1]) == b"jpeg"


def test_a_picture_that_does_not_decode_is_left_out():
    assert embed_pictures([Picture(1, 0), Picture(2, 0)], {Picture(2, 0): b"jpeg"}).keys() == {Picture(2, 0)}


def test_pictures_beyond_the_budget_are_left_out():
    thumbnails = {Picture(place, 0): b"x" * (PICTURE_BUDGET_BYTES // 2) for place in range(3)}
    assert list(embed_pictures(thumbnails, thumbnails)) == [Picture(0, 0), Picture(1, 0)]


def test_placeholders_that_look_the_same_are_one():
    rows = [
        Placeholder(Picture(1, 0), frozenset({1, 2})),
        Placeholder(Picture(3, 0), frozenset({2, 3})),
        Placeholder(Picture(4, 0), frozenset({4})),
    ]
    thumbnails = {Picture(1, 0): b"same", Picture(3, 0): b"same", Picture(4, 0): b"other"}
    joined = join_placeholders(Listed(rows, 3), thumbnails)
    assert [(one.picture.product_id, len(one.product_ids)) for one in joined.shown] == [(1, 3), (4, 1)]
    assert joined.num_all == 2


def test_class_shares_add_up_within_a_split_and_the_largest_class_comes_first():
    rows = class_shares(make_classes((10, 5), (30, 5)), None)
    assert [(row["class_index"], row["shares"]) for row in rows] == [(1, [0.75, None, 0.5]), (0, [0.25, None, 0.5])]


def test_the_certificates_class_shares_are_shown_where_it_has_them():
    certified = [{"class_index": 0, "train": 0.1, "validation": 0.2, "test": 0.3}]
    assert class_shares(make_classes((10, 5)), certified)[0]["shares"] == [0.1, 0.2, 0.3]
