"""The image files of a sample: how many rows each has, and whether they hold images or say where in the catalogue."""

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import open_table
from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES, SAMPLE_PLACES

_ANY_ID = (-(2**63), 2**63 - 1)


class SampleFile(NamedTuple):
    """A file of a sample's images.

    Attributes:
        path: Where it is.
        num_rows: By row group.
        product_ids: The first and the last; rows are sorted by it.
    """

    path: Path
    num_rows: tuple[int, ...]
    product_ids: tuple[int, int]


class SampleFiles(NamedTuple):
    """The image files of a sample, in their order.

    Attributes:
        sample_dir: Of the sample.
        schema: Of each file: SAMPLE_IMAGES or SAMPLE_PLACES.
        files: At least one.
        groups: The file and the number in it of each row group.
        starts: The first row of each row group, and at last the number of all rows.
    """

    sample_dir: Path
    schema: pa.Schema
    files: tuple[SampleFile, ...]
    groups: tuple[tuple[Path, int], ...]
    starts: tuple[int, ...]

    @property
    def in_catalogue(self) -> bool:
        """Tell whether the images themselves were left in the catalogue."""
        return self.schema is SAMPLE_PLACES

    def group_of(self, row: int) -> int:
        """Return which row group has a row."""
        return bisect_right(self.starts, row) - 1


def _first_and_last(metadata: pq.FileMetaData) -> tuple[int, int]:
    """Return the first and the last product_id of a file, which stand in its footer."""
    place = SAMPLE_IMAGES.get_field_index("product_id")
    found = [metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups)]
    if any(statistics is None or not statistics.has_min_max for statistics in found):
        return _ANY_ID  # an empty row group has none; the file itself says it
    return (found[0].min, found[-1].max) if found else _ANY_ID


def _schema_of(path: Path, file: pq.ParquetFile) -> pa.Schema:
    for schema in (SAMPLE_IMAGES, SAMPLE_PLACES):
        if file.schema_arrow.equals(schema):
            return schema
    raise DataError(
        f"{path}: has the columns {file.schema_arrow.names}, expected {SAMPLE_IMAGES.names} or {SAMPLE_PLACES.names}"
    )


@lru_cache(maxsize=8)
def _read_footers(sample_dir: Path, states: tuple[tuple[str, int, int, int], ...]) -> SampleFiles:
    """Read the footers of files in the state that they have now."""
    files, schema = [], None
    for name, *_ in states:
        path = sample_dir / name
        with open_table(path) as file:
            found = _schema_of(path, file)
            num_rows = tuple(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
            files.append(SampleFile(path, num_rows, _first_and_last(file.metadata)))
        if schema not in (None, found):
            raise DataError(f"{path}: has other columns than the files before it; remove its folder and run again")
        schema = found
    groups = tuple((file.path, number) for file in files for number in range(len(file.num_rows)))
    starts = accumulate((rows for file in files for rows in file.num_rows), initial=0)
    assert schema is not None, "a sample has a file"
    return SampleFiles(sample_dir, schema, tuple(files), groups, tuple(starts))


def sample_files(sample_dir: Path) -> SampleFiles:
    """Return the image files of a sample; their footers are read once a process, until a file changes.

    A sample of everything has 1,700 files: to read their footers takes 0.3 s, and who decodes pictures opens the sample
    anew for every 512 of them.

    Raises:
        DataError: If a file is damaged or has other columns, or there is none.
        OSError: If one cannot be read for now.
    """
    states = []
    for path in sorted(sample_dir.glob("images-*.parquet")):
        state = path.stat()
        states.append((path.name, state.st_size, state.st_mtime_ns, state.st_ino))
    if not states:
        raise DataError(
            f"{sample_dir}: has no file images-*.parquet, expected at least one; remove the folder and run again from "
            "draw_sample"
        )
    return _read_footers(sample_dir, tuple(states))
