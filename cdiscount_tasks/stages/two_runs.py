"""Two reports of a sample -> a page that shows them side by side."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import find_page, make_page
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.pages.two_runs.page import render_two_runs, title_of
from cdiscount_tasks.reports.evidence import read_thumbnails
from cdiscount_tasks.reports.folders import PAIR_PAGE
from cdiscount_tasks.reports.two_runs import Side, compare_sides, read_side

logger = logging.getLogger(__name__)

VERSION = 2
SIDES = ("only_first", "only_second")
_NOT_HERE = "The run's pictures are not on this machine: of each product there is its id."


class TwoRunsResult(TypedDict):
    """Where the page is, which runs it shows, and its answer."""

    path: str
    title: str
    answer: str


def _show(
    facts: Mapping[str, Any], sides: Sequence[Side], picture_dirs: Mapping[str, Path] | None
) -> tuple[dict[str, list[ShownProduct]], str | None]:
    """Read the pictures of the products that one run alone gets right; and why there are none, as a sentence."""
    ids = [one["product_id"] for side in SIDES for one in facts[side]["shown"]]
    thumbnails: dict[int, list[bytes | None]] = {}
    no_pictures: str | None = _NOT_HERE
    if picture_dirs is not None:
        try:
            may_show = all(side.may_show for side in sides)
            thumbnails, no_pictures = read_thumbnails(picture_dirs, ids, embed_pictures=may_show)
        except (DataError, OSError) as error:
            logger.warning("pictures are left out of the page: %s", error)
    shelf = PictureShelf()
    shown = {
        side: [
            shelf.show(one["product_id"], one["category_id"], thumbnails.get(one["product_id"], []))
            for one in facts[side]["shown"]
        ]
        for side in SIDES
    }
    return shown, no_pictures


def write_two_runs(
    report_dirs: tuple[Path, Path], out_dir: Path, picture_dirs: Mapping[str, Path] | None = None
) -> TwoRunsResult:
    """Put two runs of a sample side by side; a page that was made from the same reports is kept.

    Args:
        report_dirs: Two finished reports, the first one what the second one is compared with.
        out_dir: `<reports>/<sample>/compare/<both runs>`.
        picture_dirs: The finished artifacts `sample` and `labels` of one of the runs; None: there are none here.

    Returns:
        The path, which runs, and the answer.

    Raises:
        DataError: If a report is missing, damaged or of another schema.
        OSError: If a report cannot be read for now.
    """
    sides = [read_side(report_dir) for report_dir in report_dirs]
    recipe = Recipe(
        stage="two_runs",
        version=VERSION,
        config={"runs": [report_dir.name for report_dir in report_dirs]},
        inputs={"first": report_dirs[0], "second": report_dirs[1], **(picture_dirs or {})},
        files={name: side.report.predictions_hash for name, side in zip(("first", "second"), sides, strict=True)},
        libraries=versions("jinja2", "numpy", "pandas", "pillow", "scipy"),
    )
    if kept := find_page(TwoRunsResult, recipe, out_dir):
        logger.info("%s exists already, made from the same reports: it is kept", out_dir)
        return kept

    def write(part_dir: Path) -> Made:
        facts = compare_sides(*sides)
        write_json(part_dir / "compare.json", facts)
        page = render_two_runs(facts, *_show(facts, sides, picture_dirs))
        (part_dir / PAIR_PAGE).write_text(page, encoding="utf-8")
        return Made({"title": title_of(facts), "answer": facts["answer"]})

    return make_page(TwoRunsResult, recipe, out_dir, write)
