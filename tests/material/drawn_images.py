"""An image source of drawn pictures; in a module of its own, so that processes can open it."""

from tests.material.tiny_catalogue import draw_jpeg


class DrawnImages:
    """Thirty pictures of 40 x 40."""

    def __len__(self):
        return 30

    def read(self, rows):
        return [draw_jpeg(seed=row, size=40) for row in rows]

    def in_any_order(self):
        return type(self)
