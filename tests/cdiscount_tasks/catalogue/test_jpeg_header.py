import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue.jpeg_header import frame_size, has_comment
from tests.material.tiny_catalogue import draw_jpeg, same_pixels_other_bytes

FRAME = b"\xff\xc0\x00\x11\x08\x00\xb4\x00\xa0\x03"


def size_of(data):
    return frame_size(data, 0, len(data))


def test_frame_size_gives_width_then_height():
    assert size_of(b"\xff\xd8" + FRAME) == (160, 180)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_frame_size_reads_what_pillow_writes(mode):
    assert size_of(draw_jpeg(size=56, mode=mode)) == (56, 56)


@pytest.mark.parametrize("between", [b"", b"\xff", b"\xff\x01", b"\xff\xe1\x00\x04ab", b"\xff\xc4\x00\x03a"])
def test_frame_size_steps_over_fill_bytes_and_other_segments(between):
    assert size_of(b"\xff\xd8" + between + FRAME) == (160, 180)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd9" + FRAME,
        b"\xff\xd8" + FRAME[:8],
        b"\xff\xd8\xff\xda\x00\x02" + FRAME,
        b"\xff\xd8ab" + FRAME,
        b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\xa0\x03",
        b"\xff\xd8\xff\xc0\x00\x11\x08\x80\x00\x00\xa0\x03",
    ],
)
def test_bytes_without_a_sound_frame_header_have_no_size(data):
    assert size_of(data) is None


def test_frame_size_reads_a_picture_inside_a_buffer():
    jpeg = draw_jpeg(size=40)
    assert frame_size(b"abc" + jpeg + FRAME, 3, len(jpeg)) == (40, 40)


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_no_bytes_make_frame_size_or_has_comment_fail(head, tail):
    data = b"\xff\xd8\xff" + head + tail
    assert frame_size(data, 0, len(data)) in (None, frame_size(data, 0, len(data)))
    assert has_comment(data, b"x") in (True, False)


def test_has_comment_finds_exactly_the_comment():
    jpeg = same_pixels_other_bytes(draw_jpeg())
    assert (has_comment(jpeg, b"other"), has_comment(jpeg, b"othe"), has_comment(draw_jpeg(), b"other")) == (
        True,
        False,
        False,
    )
