"""The drift artifact as the report shows it: its section, with pictures of this catalogue and of the champion's."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from cdiscount_tasks.pages.labels.rows import Picture
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.pages.report.drift import BEFORE, NOW, DriftPicture, drift_pictures, render_drift_section
from cdiscount_tasks.reports.evidence import read_small_pictures
from cdiscount_tasks.tables.drift import read_drift


def show_drift(dirs: Mapping[str, Path], champion_sample_dir: Path | None, *, embed_pictures: bool) -> Markup | None:
    """Make the report's section about drift; None where nothing was compared.

    Args:
        dirs: Finished artifacts: sample, drift.
        champion_sample_dir: Where the pictures are that the champion learnt from; None: they are not here any more.
        embed_pictures: Whether the page may hold pictures of the catalogue.

    Raises:
        DataError: If the drift artifact is damaged.
    """
    if "drift" not in dirs:
        return None
    found = read_drift(dirs["drift"])
    asked = drift_pictures(found.pictures)
    small: dict[DriftPicture, bytes | None] = {}
    for side, sample_dir in ((NOW, dirs["sample"]), (BEFORE, champion_sample_dir)):
        if sample_dir is None or not sample_dir.is_dir():
            continue
        keys = [Picture(product_id, number) for of, product_id, number in asked if of == side]
        pictures, _ = read_small_pictures(sample_dir, keys, embed_pictures=embed_pictures)
        for key, picture in pictures.items():
            small[side, key.product_id, key.image_number] = None if picture is None else make_thumbnail(picture)
    return render_drift_section(found.facts, found.pictures, small)
