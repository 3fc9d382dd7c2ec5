import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue.jpeg_header import frame_size
from cdiscount_tasks.catalogue.layout import NO_CATEGORY
from cdiscount_tasks.catalogue.usual_documents import frame_sizes, read_usual, read_usual_documents
from tests.material.tiny_catalogue import draw_jpeg, encode

DOCUMENTS = [encode(number, [draw_jpeg(seed=number)] * (1 + number % 4), 5) for number in range(6)]
JPEG = draw_jpeg()


def read_one_by_one(data, most=1000):
    """Return what read_usual says, document after document, in the shape of `rows`."""
    start, found = 0, []
    while start < len(data) and len(found) < most:
        product = read_usual(data, start, len(data) - start)
        if product is None:
            break
        pictures = [(number, start + place, size) for number, (place, size) in enumerate(product.pictures)]
        found.append((start, product.length, product.product_id, product.category_id, pictures))
        start += product.length
    return found


def rows(found):
    pictures = [[] for _ in found.starts]
    for document, *picture in np.stack(found[4:], 1).tolist():
        pictures[document].append(tuple(picture))
    categories = [None if category == NO_CATEGORY else category for category in found.category_ids.tolist()]
    return list(zip(found.starts.tolist(), found.lengths.tolist(), found.product_ids.tolist(), categories, pictures,
                    strict=True))  # fmt: skip


def read(data, stop=None, most=1000):
    return read_usual_documents(data + bytes(64), 0, len(data), len(data) if stop is None else stop, most)


def test_whole_documents_are_read_as_one_by_one():
    data = bytearray(b"".join(DOCUMENTS))
    assert rows(read(data)) == read_one_by_one(data)


def test_a_document_without_category_is_read():
    data = bytearray(DOCUMENTS[0] + encode(7, [JPEG], None) + DOCUMENTS[1])
    assert rows(read(data)) == read_one_by_one(data)
    assert [row[3] for row in rows(read(data))] == [5, None, 5]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_documents_are_read_than_asked_for(most):
    data = bytearray(b"".join(DOCUMENTS))
    assert rows(read(data, most=most)) == read_one_by_one(data, most)


def test_the_last_document_read_begins_before_the_stop():
    data = bytearray(b"".join(DOCUMENTS))
    assert len(read(data, stop=len(DOCUMENTS[0])).starts) == 1
    assert len(read(data, stop=len(DOCUMENTS[0]) + 1).starts) == 2


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.integers(0, 255)), max_size=4), st.data())
def test_damaged_documents_are_read_as_one_by_one(changes, data):
    content = bytearray(b"".join(DOCUMENTS))
    edges = np.cumsum([0, *map(len, DOCUMENTS)])
    for place, near, value in changes:
        # Half of the changes hit the names and lengths around a document's edge.
        at = place if place % 2 else int(edges[place % len(DOCUMENTS)]) + near
        content[at % len(content)] = value
    content = content[: data.draw(st.integers(1, len(content)))]
    assert rows(read(content)) == read_one_by_one(content)


@given(st.integers(0, 39), st.integers(0, 255))
def test_a_changed_byte_in_the_prefix_is_seen_as_one_by_one(place, value):
    content = bytearray(DOCUMENTS[0] + DOCUMENTS[1])
    content[len(DOCUMENTS[0]) + place] = value
    assert rows(read(content)) == read_one_by_one(content)


@given(st.integers(-30, -1), st.integers(0, 255))
def test_a_changed_byte_in_the_tail_is_seen_as_one_by_one(place, value):
    content = bytearray(DOCUMENTS[1])
    content[place] = value
    assert rows(read(content)) == read_one_by_one(content)


def sizes(pictures):
    """Return what frame_sizes and frame_size say of the same pictures in one buffer."""
    buffer = bytearray(b"".join(pictures) + b"\xff" * 64)
    lengths = np.array([len(picture) for picture in pictures], np.int64)
    starts = np.cumsum(lengths) - lengths
    together = zip(*(values.tolist() for values in frame_sizes(buffer, starts, lengths)), strict=True)
    alone = [frame_size(buffer, s, n) or (0, 0) for s, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
    return list(together), alone


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255), st.integers(0, 700)), min_size=1, max_size=5))
def test_sizes_of_damaged_pictures_are_those_read_alone(changes):
    pictures = []
    for place, value, length in changes:
        picture = bytearray(JPEG)
        picture[place % len(picture)] = value
        pictures.append(bytes(picture[:length]))
    together, alone = sizes([JPEG, *pictures])
    assert together == alone


@given(st.lists(st.sampled_from([b"\xff", b"\xff\x01", b"\xff\xd0", b"\xff\xe0\x00\x04ab", b"\xff\xfe\x00\x02"])))
def test_sizes_behind_any_segments_are_those_read_alone(segments):
    frame = b"\xff\xc0\x00\x11\x08\x00\x07\x00\x09" + bytes(8)
    together, alone = sizes([b"\xff\xd8" + b"".join(segments) + frame, b"", b"\xff\xd8", b"\xff", JPEG])
    assert together == alone and together[0] == (9, 7)
