import base64

from cdiscount_tasks.pages.parts.gallery import PictureShelf


def test_pictures_are_embedded_byte_for_byte():
    shown = PictureShelf().show(1, 7, [b"first", b"second"])
    assert [base64.b64decode(uri.split(",")[1]) for uri in shown.pictures] == [b"first", b"second"]


def test_pictures_beyond_the_budget_are_left_out_and_counted():
    shelf = PictureShelf(budget_bytes=100)
    first, second = shelf.show(1, 7, [b"x" * 60, b"x" * 60]), shelf.show(2, 7, [b"x" * 40])
    assert (len(first.pictures), first.num_left_out) == (1, 1)
    assert (len(second.pictures), second.num_left_out) == (1, 0)
