"""The rows of a fixes file: people's own corrections, and rows of lists of suspects with their verdicts.

It is read by the API server too, which must not load pandas.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.csv_text import CsvTable, id_hint, is_whole_number, read_csv
from cdiscount_tasks.vocabulary import (
    CATALOGUE_RIGHT,
    JUDGED_BY_VERDICT,
    LIST_NAMED,
    LISTED,
    NOT_LOOKED_AT,
    OTHER_CATEGORY,
    SUGGESTION_RIGHT,
    UNSURE,
    VERDICTS,
)

FIX_COLUMNS = ["product_id", "category_id", "reason"]
VERDICT = "verdict"
KIND = "fixes"

_WORDS = ", ".join(VERDICTS)
_NUM_TOLD = 10
_NAME_WITH_ID = re.compile(r"(.*) \((-?\d+)\)", re.DOTALL)


class Proposal(NamedTuple):
    """The two categories that a row of a list puts before a person, by id."""

    given: int
    suggested: int


class FixRow(NamedTuple):
    """A row of a fixes file.

    Attributes:
        line: Where it begins, counted from 1.
        product_id: The product.
        category: The text of category_id: an id, a name, or nothing.
        verdict: One of VERDICTS, or NOT_LOOKED_AT; None: the file has no such column.
        reason: As it is in the file.
        list_key: The list that the reason names; None: the row is a person's own.
        needs_verdict: Whether the row comes from a list that is judged by verdict: without one it fixes nothing.
        proposal: What its list proposed; None: the reason does not say so.
    """

    line: int
    product_id: int
    category: str
    verdict: str | None
    reason: str
    list_key: str | None
    needs_verdict: bool
    proposal: Proposal | None

    @property
    def is_open(self) -> bool:
        """Tell whether the row waits for a person: it fixes nothing, and counts for nothing."""
        return self.needs_verdict and not self.verdict

    @property
    def is_judgement(self) -> bool:
        """Tell whether a person looked at a row of a list, and said so."""
        return self.needs_verdict and bool(self.verdict)


class Classes(NamedTuple):
    """The categories that a fix may give.

    Attributes:
        ids: The sample's.
        left_out: Those that were too small to stay.
        names: Of all of these, the narrowest last; may be empty, and then ids alone are understood.
    """

    ids: Collection[int]
    left_out: Collection[int] = ()
    names: Mapping[int, Sequence[str]] = {}


def _verdict(path: Path, line: int, text: str | None) -> str | None:
    if text is None:
        return None
    word = text.casefold()
    if word in (NOT_LOOKED_AT, *VERDICTS):
        return word
    near = difflib.get_close_matches(word, VERDICTS, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise DataError(f"{path}: line {line} has the verdict {text!r}, expected {_WORDS}, or nothing: not looked at{hint}")


def _row(path: Path, line: int, named: Mapping[str, str]) -> FixRow | None:
    """Read a row; None: it names a list alone, as older lists did in their first row."""
    product, category, reason = (named[name] for name in FIX_COLUMNS)
    list_named = LIST_NAMED.search(reason)
    if list_named and not product and not category:
        return None
    if not is_whole_number(product):
        raise DataError(
            f"{path}: line {line} is {product!r}, {category!r}; expected two whole numbers{id_hint(product)}"
        )
    needs_verdict = JUDGED_BY_VERDICT.search(reason) is not None
    verdict = _verdict(path, line, named.get(VERDICT))
    if needs_verdict and verdict is None:
        raise DataError(
            f"{path}: line {line} comes from a list that is judged in the column {VERDICT}, but line 1 lacks that "
            f"column; add it, with {_WORDS}, or nothing where you did not look"
        )
    if verdict == NOT_LOOKED_AT and not needs_verdict:
        raise DataError(
            f"{path}: line {line} has no verdict, and its reason does not say that it comes from a list that is judged "
            f"by verdict; for a correction of your own, or a row of an older list, write {OTHER_CATEGORY} into the "
            f"column {VERDICT}"
        )
    said = LISTED.search(reason)
    proposal = Proposal(int(said["given"]), int(said["suggested"])) if said else None
    key = list_named.group(1) if list_named else None
    return FixRow(line, int(product), category, verdict, reason, key, needs_verdict, proposal)


def fix_rows(table: CsvTable, path: Path) -> list[FixRow]:
    """Read the rows of a fixes file's table.

    Raises:
        DataError: If a product_id or a verdict cannot be read, or a row lacks its verdict; names the line.
    """
    rows = [_row(path, row.line, table.named(row)) for row in table.rows]
    return [row for row in rows if row is not None]


def read_fix_rows(path: Path) -> list[FixRow]:
    """Read the rows of a fixes file; the faults are those of `read_csv` and `fix_rows`."""
    return fix_rows(read_csv(path, FIX_COLUMNS, KIND, [VERDICT]), path)


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def ids_of(name: str, classes: Classes) -> list[int]:
    """Return the sample's categories of a name, then those that were left out, ascending; `name (id)` is understood."""
    with_id = _NAME_WITH_ID.fullmatch(name)
    if with_id and int(with_id[2]) in classes.names:
        return [int(with_id[2])]
    found = sorted(i for i, names in classes.names.items() if _plain(names[-1]) == _plain(name))
    inside = [i for i in found if i in classes.ids]
    return inside or found


def _called(category_id: int, classes: Classes) -> str:
    names = classes.names.get(category_id)
    return f"{category_id} ({' > '.join(names)})" if names else str(category_id)


def category_of(row: FixRow, classes: Classes, path: Path) -> int:
    """Return the id that a row's category means, by number or by name."""
    if is_whole_number(row.category):
        return int(row.category)
    found = ids_of(row.category, classes)
    if len(found) == 1:
        return found[0]
    where = f"{path}: line {row.line} is {str(row.product_id)!r}, {row.category!r}"
    if found:
        which = ", ".join(_called(i, classes) for i in found)
        raise DataError(f"{where}; {len(found)} categories have this name: {which}; write the id of the one you mean")
    if not classes.names:
        raise DataError(f"{where}; expected two whole numbers{id_hint(row.category)}")
    by_name = {_plain(classes.names[i][-1]): i for i in sorted(classes.names) if i in classes.ids}
    near = difflib.get_close_matches(_plain(row.category), by_name, 1)
    advice = f"; did you mean {classes.names[by_name[near[0]]][-1]}?" if near else ""
    raise DataError(
        f"{where}; expected the id or the name of a category of the sample{id_hint(row.category) or advice}"
    )


def _of_sample(row: FixRow, category_id: int, classes: Classes, path: Path) -> int:
    if category_id in classes.ids:
        return category_id
    why = "was left out as a small class" if category_id in classes.left_out else "is not of the sample"
    some = sorted(classes.ids)
    more = f" and {len(some) - _NUM_TOLD} more" if len(some) > _NUM_TOLD else ""
    named = category_id if is_whole_number(row.category) else f"{row.category} ({category_id})"
    raise DataError(
        f"{path}: line {row.line} gives product {row.product_id} the category {named}, which {why}; expected "
        f"one of {', '.join(map(str, some[:_NUM_TOLD]))}{more}, or nothing to take the product out"
    )


def _contradiction(row: FixRow, category_id: int | None) -> str | None:
    """Tell what is at odds between a listed row's verdict and its category, and what to do."""
    if row.proposal is None:
        return None
    given, suggested = row.proposal
    is_suggested, is_given = category_id == suggested, category_id == given
    faults = {
        NOT_LOOKED_AT: (
            not is_suggested,
            f"category_id is not the suggested one any more; write a verdict ({_WORDS}), or put {suggested} back",
        ),
        SUGGESTION_RIGHT: (
            not is_suggested,
            f"category_id is not the suggested {suggested}; put it back, or write {OTHER_CATEGORY}",
        ),
        OTHER_CATEGORY: (
            is_suggested or is_given,
            "category_id is still the suggested one; write the right category, leave it empty if none of the sample is "
            f"right, or write {SUGGESTION_RIGHT}"
            if is_suggested
            else f"category_id is the catalogue's own; write {CATALOGUE_RIGHT}",
        ),
    }
    otherwise = (
        not (is_suggested or is_given or category_id is None),
        f"category_id is neither the catalogue's nor the suggested one; write {OTHER_CATEGORY}, or empty it",
    )
    is_fault, sentence = faults.get(row.verdict or NOT_LOOKED_AT, otherwise)
    return sentence if is_fault else None


def settle(row: FixRow, classes: Classes, path: Path) -> tuple[bool, int | None]:
    """Tell what a row does to its product.

    Args:
        row: The row.
        classes: The categories that it may give.
        path: The file, for messages.

    Returns:
        Whether it changes what is learnt, and the category to learn; None: the product is not learnt from.

    Raises:
        DataError: If the category is none of the sample's, or at odds with the verdict; names the line.
    """
    category_id = category_of(row, classes, path) if row.category else None
    fault = _contradiction(row, category_id)
    if fault is None and row.verdict == SUGGESTION_RIGHT and category_id is None:
        fault = "category_id is empty; write the suggested one"
    if fault:
        verdict = row.verdict or "nothing"
        raise DataError(f"{path}: line {row.line} (product {row.product_id}) has the verdict {verdict}, but {fault}")
    if row.is_open or row.verdict == CATALOGUE_RIGHT:
        return False, None
    if row.verdict == UNSURE or category_id is None:
        return True, None
    return True, _of_sample(row, category_id, classes, path)
