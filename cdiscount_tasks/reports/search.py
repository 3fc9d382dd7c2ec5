"""The search artifact as the report shows it: its section."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from cdiscount_tasks.pages.report.search import render_search_section
from cdiscount_tasks.tables.search import read_search


def show_search(dirs: Mapping[str, Path]) -> Markup | None:
    """Make the report's section about the search for knobs; None where the run's preset has none.

    Raises:
        DataError: If the search artifact is damaged.
    """
    return render_search_section(*read_search(dirs["search"])) if "search" in dirs else None
