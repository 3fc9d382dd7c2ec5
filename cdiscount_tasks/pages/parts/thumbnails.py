"""Pictures made small for a page."""

import io

from PIL import Image

from cdiscount_tasks.vocabulary import DRAWN_COMMENT

THUMBNAIL_SIDE = 160
"""Pixels; shown at half to full size. Some 150 of them make a page of about 1 MB."""


def make_thumbnail(picture: Image.Image, side: int = THUMBNAIL_SIDE) -> bytes:
    """Encode a picture small; one that a demo drew still says so in its JPEG comment."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    drawn = picture.info.get("comment") == DRAWN_COMMENT
    file = io.BytesIO()
    small.save(file, "JPEG", quality=72, optimize=True, comment=DRAWN_COMMENT if drawn else b"")
    return file.getvalue()
