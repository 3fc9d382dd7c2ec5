"""Two finished reports of a sample on the same test products, with the classes that a comparison of the two names."""

from tests.material.finished_reports import write_finished

CLASSES = [{"category_id": 1000 + number, "level3": name} for number, name in enumerate(("VIN ROUGE", "VIN BLANC"))]
DAY_S = 86_400
FIRST_S = 1_790_000_000


def write_pair(reports_dir, first, second, sample="wine", **changed):
    """Write the reports `first` and `second`; each is right about the products that it is told to be right about."""
    changed = {"classes": CLASSES, **changed}
    return tuple(
        write_finished(reports_dir, name, sample, right=right, at=FIRST_S + place * DAY_S, **changed)
        for place, (name, right) in enumerate((("first", first), ("second", second)))
    )
