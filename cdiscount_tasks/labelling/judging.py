"""Verdicts on a list of suspects, read from a fixes file and put into it; without pandas, for the API server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.labelling.fix_rows import VERDICT, Classes, FixRow, fix_rows, settle
from cdiscount_tasks.tables.csv_text import CsvRow, CsvTable
from cdiscount_tasks.vocabulary import CATALOGUE_RIGHT, NOT_LOOKED_AT, OTHER_CATEGORY, SUGGESTION_RIGHT, UNSURE

NEW_FILE = CsvTable(["product_id", VERDICT, "category_id", "reason"], 1, [], ",", has_bom=False, line_end="\n")
"""A fixes file of which nothing is written yet."""


class Card(NamedTuple):
    """A row of a list, as a person is asked to judge it."""

    product_id: int
    given: int
    suggested: int
    reason: str


class Choice(NamedTuple):
    """What a person says of a card; `category_id` counts where the verdict is OTHER_CATEGORY (None: none of these)."""

    verdict: str = NOT_LOOKED_AT
    category_id: int | None = None


def _choice(row: FixRow, card: Card, category_id: int | None) -> Choice:
    if row.verdict:
        return Choice(row.verdict, category_id if row.verdict == OTHER_CATEGORY else None)
    if category_id in (card.given, card.suggested):
        return Choice(CATALOGUE_RIGHT if category_id == card.given else SUGGESTION_RIGHT)
    return Choice(OTHER_CATEGORY, category_id)


def _is_said(row: FixRow) -> bool:
    """Tell whether a person has said something; of an older list's row that is there nobody knows."""
    return row.is_judgement or row.list_key is None


def read_choices(table: CsvTable, path: Path, cards: Sequence[Card], classes: Classes) -> dict[int, Choice]:
    """Return what the file says of each card that a person has judged, in this list or otherwise.

    Raises:
        DataError: If the file has a row that the next run would refuse; names the line.
    """
    card_of = {card.product_id: card for card in cards}
    found: dict[int, Choice] = {}
    for row in fix_rows(table, path):
        _, category_id = settle(row, classes, path)
        card = card_of.get(row.product_id)
        if card and _is_said(row):
            found.setdefault(row.product_id, _choice(row, card, category_id))
    return found


def _with_verdicts(table: CsvTable, path: Path) -> CsvTable:
    """Give the file the column of verdicts; what was applied without one still is."""
    if VERDICT in table.header:
        return table
    own = {row.line for row in fix_rows(table, path)}
    rows = [CsvRow(row.line, [*row.fields, OTHER_CATEGORY if row.line in own else ""]) for row in table.rows]
    return table._replace(header=[*table.header, VERDICT], rows=rows)


def _category_text(choice: Choice, card: Card) -> str:
    if choice.verdict == UNSURE:
        return ""
    if choice.verdict == OTHER_CATEGORY:
        return "" if choice.category_id is None else str(choice.category_id)
    return str(card.given if choice.verdict == CATALOGUE_RIGHT else card.suggested)


def _place(rows: Sequence[FixRow], card: Card) -> FixRow | None:
    """Return the row of a file that a card's verdict belongs into: where one is said, else the row of its list."""
    own = [row for row in rows if row.product_id == card.product_id]
    said = [row for row in own if not row.is_open]
    return next(iter(said), None) or next((row for row in own if row.reason == card.reason), None)


def put_choices(
    table: CsvTable, path: Path, choices: Mapping[int, Choice], cards: Sequence[Card], classes: Classes
) -> CsvTable:
    """Put verdicts into a fixes file; every other row, column and word of it stays.

    Args:
        table: The file's.
        path: The file, for messages.
        choices: What a person says, by product_id; each a card's.
        cards: Of the list.
        classes: Of the sample.

    Raises:
        DataError: If the next run would refuse the file as it is, or as it would be.
    """
    table = _with_verdicts(table, path)
    card_of = {card.product_id: card for card in cards}
    rows = fix_rows(table, path)
    fields_of = {row.line: list(row.fields) for row in table.rows}
    column = {name: table.header.index(name) for name in ("product_id", "category_id", "reason", VERDICT)}
    next_line = max(fields_of, default=table.header_line) + 1
    for product_id, choice in choices.items():
        card = card_of[product_id]
        row = _place(rows, card)
        reason = card.reason
        if row is None:
            line, next_line = next_line, next_line + 1
            fields_of[line] = [""] * len(table.header)
        else:
            line = row.line
            if row.list_key is None:
                reason = row.reason if choice.verdict else f"{card.reason}; {row.reason}"
        said = {"product_id": str(product_id), "category_id": _category_text(choice, card), "reason": reason}
        for name, text in {**said, VERDICT: choice.verdict}.items():
            fields_of[line][column[name]] = text
    made = table._replace(rows=[CsvRow(line, fields) for line, fields in fields_of.items()])
    for made_row in fix_rows(made, path):
        settle(made_row, classes, path)
    return made
