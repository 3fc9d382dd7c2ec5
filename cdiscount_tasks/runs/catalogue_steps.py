"""The steps of the catalogue's DAG behind the index: is its page up to date, write it, what is published of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import summaries
from cdiscount_tasks.runs.catalogue import Catalogue, open_catalogue


class ShownCatalogue(NamedTuple):
    """A page that shows the catalogue as it is now."""

    catalogue_id: str
    page_dir: Path


def _found_index(catalogue: Catalogue) -> Mapping[str, Any] | None:
    """Return the result of the catalogue's index if it is there whole; None: it must be made."""
    from cdiscount_tasks.stages import index

    place = catalogue.index_place
    if index.plan_ranges(place.catalogue_path, place.parent_dir):
        return None
    return index.merge_index(*place)


def name_catalogue() -> str:
    """Return which catalogue is looked at, in a line."""
    catalogue = open_catalogue()
    return f"{catalogue.catalogue_path.name}, fingerprint {catalogue.fingerprint}"


def finished_page() -> ShownCatalogue | None:
    """Return the page of the catalogue as it is now; None: its index or its page must be made."""
    from cdiscount_tasks.stages import catalogue_page

    catalogue = open_catalogue()
    found = _found_index(catalogue)
    if found is None:
        return None
    page_dir = catalogue.page_dir(found["catalogue_id"])
    inputs = Path(found["path"]), catalogue.names_path, catalogue.samples()
    return ShownCatalogue(found["catalogue_id"], page_dir) if catalogue_page.page_stands(*inputs, page_dir) else None


def index_facts() -> Mapping[str, Any]:
    """Return what the catalogue's index holds.

    Raises:
        DataError: If the catalogue changed since it was indexed.
    """
    catalogue = open_catalogue()
    found = _found_index(catalogue)
    if found is None:
        raise DataError(
            f"{catalogue.catalogue_path}: changed since this run indexed it; trigger a new run once it is complete"
        )
    return found


def write_page() -> str:
    """Write the page, and list it in the index of reports; return it in a line."""
    from cdiscount_tasks.reports.overview import write_reports_index
    from cdiscount_tasks.stages import catalogue_page

    catalogue, found = open_catalogue(), index_facts()
    written = catalogue_page.write_catalogue_page(
        Path(found["path"]),
        catalogue.catalogue_path,
        catalogue.names_path,
        catalogue.samples(),
        catalogue.page_dir(found["catalogue_id"]),
    )
    write_reports_index(catalogue.environment.reports_dir)
    return summaries.of_catalogue_page(written)
