"""What people wrote, read when a run starts: a slip is told before the run keeps its copy for good."""

from collections.abc import Collection
from pathlib import Path

from cdiscount_tasks.catalogue.names import CategoryNames
from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.labelling.rules import read_fixes
from cdiscount_tasks.labelling.split import read_split_file


def check_copies(
    fixes_path: Path | None, split_path: Path | None, categories: Collection[int] | None, names: CategoryNames
) -> None:
    """Read the label fixes and the split as label fixing will, as far as that can be done without the products.

    Args:
        fixes_path: The copy of the sample's fixes; None: it has none.
        split_path: The copy of its split file; None: it has none.
        categories: The sample's; None: the whole catalogue's, and no index says which those are.
        names: What they are called.

    Raises:
        DataError: If one of the files is at fault; names the line.
    """
    if split_path:
        read_split_file(split_path)
    if fixes_path and categories is None:
        read_fix_rows(fixes_path)
    elif fixes_path and categories is not None:
        read_fixes(fixes_path, categories, names={category: names[category] for category in categories})
