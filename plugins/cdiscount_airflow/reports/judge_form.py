"""The form that labels are judged by: what a browser sends, read strictly, and its guard against other sites."""

import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from fastapi import HTTPException, Request

from cdiscount_airflow.reports.judged_lists import SuspectList
from cdiscount_tasks.labelling.fix_rows import ids_of
from cdiscount_tasks.labelling.judging import Card, Choice
from cdiscount_tasks.tables.csv_text import is_whole_number
from cdiscount_tasks.vocabulary import CATALOGUE_RIGHT, NOT_LOOKED_AT, OTHER_CATEGORY, SUGGESTION_RIGHT, VERDICTS

MOST_BYTES = 64 * 1024
"""Of a posted form; 25 cards take about 4 kB."""

NONE_OF_THESE = "none"
_MOST_FIELDS = 200


class Posted(NamedTuple):
    """What a browser sent.

    Attributes:
        token: The guard against other sites.
        seen: The hash of the fixes file when the page was made.
        goes_on: Whether the next page is wanted.
        before: What the page showed, by product_id.
        chosen: What the person chose, by product_id.
        faults: A sentence, by product_id, where a choice cannot be understood.
    """

    token: str
    seen: str
    goes_on: bool
    before: dict[int, Choice]
    chosen: dict[int, Choice]
    faults: dict[int, str]


def token_of(request: Request, page: str) -> str:
    """Return the token of a page for the signed-in session, which a different site cannot know."""
    session = request.headers.get("authorization") or request.cookies.get(COOKIE_NAME_JWT_TOKEN) or ""
    return hmac.digest(session.encode(), f"judge {page}".encode(), "sha256").hex()


def comes_from_elsewhere(request: Request) -> bool:
    """Say whether the browser reports that a different site sent the form."""
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


async def read_body(request: Request) -> bytes:
    """Read a posted form, and no more than a form can have.

    Raises:
        HTTPException: 413 or 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "A form is expected (application/x-www-form-urlencoded).")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"The form has more than {MOST_BYTES:,} bytes. Nothing was saved.")
    return body


def encoded(choice: Choice) -> str:
    """Return a choice as the page's hidden field holds it."""
    return choice.verdict if choice.category_id is None else f"{choice.verdict}:{choice.category_id}"


def _decoded(text: str) -> Choice:
    verdict, _, number = text.partition(":")
    if verdict not in (NOT_LOOKED_AT, *VERDICTS) or not (number == "" or is_whole_number(number)):
        raise HTTPException(400, "The form was changed on its way. Nothing was saved. Open the page again.")
    return Choice(verdict, int(number) if number else None)


def _other(card: Card, text: str, found: SuspectList) -> Choice | str:
    """Return the choice of another category, or a sentence on what is missing."""
    if not text:
        return "You chose “another category”: say which one."
    if text.casefold() == NONE_OF_THESE:
        return Choice(OTHER_CATEGORY)
    ids = [int(text)] if is_whole_number(text) else ids_of(text, found.classes)
    ids = [number for number in ids if number in found.names]
    if len(ids) != 1:
        return f"{text} is {'the name of several categories' if ids else 'no category'} of this sample: choose one."
    if ids[0] == card.given:
        return Choice(CATALOGUE_RIGHT)
    return Choice(SUGGESTION_RIGHT) if ids[0] == card.suggested else Choice(OTHER_CATEGORY, ids[0])


def read_fields(body: bytes) -> dict[str, str]:
    """Return the fields of a posted form by name.

    Raises:
        HTTPException: 400, if it is no form, or has a field twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read. Nothing was saved. Open the page again.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise HTTPException(400, "The form has a field twice. Nothing was saved. Open the page again.")
    return fields


def _card(name: str, cards: Mapping[str, Card]) -> Card:
    card = cards.get(name)
    if card is None:
        raise HTTPException(400, f"Product {name[:30]} is not in this list. Nothing was saved.")
    return card


def read_form(body: bytes, found: SuspectList) -> Posted:
    """Read a posted form.

    Raises:
        HTTPException: 400, if it is not one that a page of this list can send.
    """
    fields = read_fields(body)
    cards = {str(card.product_id): card for card in found.cards}
    posted = Posted(fields.pop("token", ""), fields.pop("seen", ""), fields.pop("go", "") == "next", {}, {}, {})
    others = {name: fields.pop(name).strip() for name in list(fields) if name.startswith("category-")}
    for name, text in fields.items():
        kind, _, product = name.partition("-")
        card = _card(product, cards)
        if kind == "was":
            posted.before[card.product_id] = _decoded(text)
        elif kind == "verdict" and text in (NOT_LOOKED_AT, *VERDICTS):
            posted.chosen[card.product_id] = Choice(text)
        else:
            raise HTTPException(400, f"{name[:40]} is not a field of this form. Nothing was saved.")
    for name, text in others.items():
        _add_other(posted, _card(name.removeprefix("category-"), cards), text, found)
    return posted


def _add_other(posted: Posted, card: Card, text: str, found: SuspectList) -> None:
    """Join a card's verdict with the category that was named beside it."""
    chosen = posted.chosen.get(card.product_id, Choice())
    before = posted.before.get(card.product_id, Choice())
    other = _other(card, text, found)
    if chosen.verdict == OTHER_CATEGORY:
        if isinstance(other, str):
            posted.faults[card.product_id] = other
        else:
            posted.chosen[card.product_id] = other
    elif chosen == before and isinstance(other, Choice):
        # Who names a category and forgets the button must not lose it.
        posted.faults[card.product_id] = "You named a category: choose “another category” too, or remove the name."
        posted.chosen[card.product_id] = other
