"""A class activation map drawn over its picture: colours for the eye, a line for whoever cannot tell them apart."""

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image

_COLOUR_SHARE = 0.62
"""The rest is the picture, in grey: what is coloured is the map alone."""

_OUTLINED = 0.5

Floats = npt.NDArray[np.float32]


def _shrunk(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Take one pixel away all round; the picture's own border stays."""
    padded = np.pad(inside, 1, mode="edge")
    return inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def draw_map(picture: Image.Image, values: Floats, strongest: float) -> Image.Image:
    """Draw a map in cividis over its picture in grey, with a line round what is at least half as strong as can be.

    Args:
        picture: RGB.
        values: float32, [height, width]: how much each place speaks for the class; what speaks against it counts as 0.
        strongest: What is drawn brightest: the largest value of the product's maps.

    Returns:
        RGB, as large as the picture.
    """
    share = values / strongest if strongest > 0 else np.zeros_like(values)
    smooth = Image.fromarray(np.asarray(share, np.float32)).resize(picture.size, Image.Resampling.BILINEAR)
    shares = np.clip(np.asarray(smooth), 0, 1)
    grey = np.asarray(picture.convert("L"), np.float32)[:, :, None] / 255
    blended = _COLOUR_SHARE * mpl.colormaps["cividis"](shares)[:, :, :3] + (1 - _COLOUR_SHARE) * grey
    inside = shares >= _OUTLINED
    once = _shrunk(inside)
    twice = _shrunk(once)
    blended[inside & ~once] = 0  # black beside white: seen on any ground
    blended[once & ~twice] = 1
    drawn = Image.fromarray((255 * blended).astype(np.uint8))
    drawn.info = {key: picture.info[key] for key in picture.info.keys() & {"comment"}}
    return drawn
