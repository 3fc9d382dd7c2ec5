"""Judging label suspects by clicking: pages of cards in a form without a script, saved into the sample's fixes file.

For those who may edit the sample's DAG. A page belongs to the list of one report, which never changes.
"""

import hmac
import logging
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from cdiscount_airflow.reports import judge_form, pages
from cdiscount_airflow.reports.access import Reader, ReaderDep
from cdiscount_airflow.reports.judged_lists import SuspectList, choices_in, find_list, parse_fixes, progress_of
from cdiscount_airflow.reports.owners import sample_dag_of, sample_of
from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.judging import Choice, put_choices
from cdiscount_tasks.reports.folders import report_folders
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.tables.csv_text import format_csv
from cdiscount_tasks.tables.fixes_file import change_file, read_bytes

logger = logging.getLogger(__name__)

CARDS_OF_PAGE = 25
MOST_OPTIONS = 100
"""Of more categories than this, no card lists all: they are typed, and the browser completes them."""

_NUM_LISTS = 12

router = APIRouter(prefix="/judge/{sample}")


def with_forms(policy: str) -> str:
    """Return a content policy that lets a page send a form to its own site, and do nothing else more."""
    return policy.replace("sandbox ", "sandbox allow-forms ").replace("form-action 'none'", "form-action 'self'")


def _fixes_path(sample: str) -> Path:
    return read_environment().label_fixes_dir / f"{sample}.csv"


def _hash(data: bytes | None) -> str:
    return "" if data is None else hash_json(data.hex())


def _may_judge(sample: str, reader: Reader) -> None:
    dag_id = sample_dag_of(sample)
    reader.require_edit(dag_id)
    if sample_of(dag_id) is None:
        raise HTTPException(404, "No page has this address.")


def _list_of(sample: str, folder: str) -> SuspectList:
    try:
        found = find_list(read_environment().reports_dir, sample, folder)
    except DataError as error:
        raise HTTPException(409, f"{error}.") from error
    if found is None:
        raise HTTPException(
            404,
            "This report has no list that can be judged here. Trigger a new run of the sample: its report has one.",
        )
    return found


@dataclass(frozen=True)
class _Page:
    """A page of a list that is shown.

    Attributes:
        in_file: What the fixes file says now, by product_id.
        before: What a change is measured against: what the file said when the page was first shown.
        data_hash: Of the file at that time.
        chosen: What the person chose and is not saved yet.
        notes: A sentence to a card, by product_id.
        message: A sentence on top of the page.
        incomplete: Products whose other category is still to be named.
    """

    sample: str
    folder: str
    found: SuspectList
    number: int
    in_file: dict[int, Choice]
    before: dict[int, Choice]
    data_hash: str
    chosen: dict[int, Choice] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    message: str | None = None
    incomplete: frozenset[int] = frozenset()

    @property
    def num_pages(self) -> int:
        return max(1, -(-len(self.found.cards) // CARDS_OF_PAGE))

    @property
    def places(self) -> range:
        first = (self.number - 1) * CARDS_OF_PAGE
        return range(first, min(first + CARDS_OF_PAGE, len(self.found.cards)))

    def done_of_page(self, number: int) -> tuple[int, int]:
        """Return how many of a page's cards people have looked at, and how many it has."""
        cards = self.found.cards[(number - 1) * CARDS_OF_PAGE : number * CARDS_OF_PAGE]
        return sum(card.product_id in self.in_file for card in cards), len(cards)


def _token_page(sample: str, folder: str, number: int) -> str:
    return f"{sample}/{folder}/{number}"


def _show(request: Request, page: _Page, status: int = 200) -> HTMLResponse:
    request.state.shows_form = True
    saved = request.query_params.get("saved", "")
    text = pages.judge_page(
        "judge.html",
        page=page,
        cards=[(place, page.found.cards[place], page.found.products[place]) for place in page.places],
        nothing=Choice(),
        encoded=judge_form.encoded,
        as_options=len(page.found.names) <= MOST_OPTIONS,
        token=judge_form.token_of(request, _token_page(page.sample, page.folder, page.number)),
        num_saved=int(saved) if saved.isascii() and saved.isdecimal() and len(saved) < 4 else None,
        others_saved=request.query_params.get("others") == "1",
    )
    return HTMLResponse(text, status)


def _page_number(text: str, found: SuspectList) -> int:
    num_pages = max(1, -(-len(found.cards) // CARDS_OF_PAGE))
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= num_pages):
        raise HTTPException(404, f"This list has the pages 1 to {num_pages}.")
    return int(text)


@router.get("/", response_class=HTMLResponse)
def choose_list(sample: str, reader: ReaderDep) -> str:
    """List the reports whose suspects can be judged, the newest first."""
    _may_judge(sample, reader)
    reports_dir, fixes_path = read_environment().reports_dir, _fixes_path(sample)
    folders = [
        (finished, folder.name) for folder, finished in report_folders(reports_dir) if folder.parent.name == sample
    ]
    newest = [name for _, name in sorted(folders, reverse=True)[:_NUM_LISTS]]
    lists = [progress_of(reports_dir, sample, name, fixes_path) for name in newest]
    return pages.judge_page("judge_lists.html", sample=sample, lists=[one for one in lists if one])


@router.get("/{folder}/")
def show_page(sample: str, folder: str, request: Request, reader: ReaderDep, page: str = "1") -> Response:
    """Show a page of a report's list, with what people have said so far."""
    _may_judge(sample, reader)
    found = _list_of(sample, folder)
    number, path = _page_number(page, found), _fixes_path(sample)
    try:
        data = read_bytes(path)
        in_file = choices_in(data, path, found)
    except DataError as error:
        raise HTTPException(409, f"Correct the fixes file first; then labels can be judged here. {error}.") from error
    return _show(request, _Page(sample, folder, found, number, in_file, in_file, _hash(data)))


@dataclass
class _Saving:
    """What became of a form: what the file says now, and whose rows others had changed meanwhile."""

    in_file: dict[int, Choice] = field(default_factory=dict)
    data_hash: str = ""
    conflicts: dict[int, Choice] = field(default_factory=dict)
    num_saved: int = 0
    others_saved: bool = False


def _save(path: Path, found: SuspectList, posted: judge_form.Posted) -> _Saving:
    """Put a form's verdicts into the fixes file, unless somebody changed one of the same rows since the page was made.

    Raises:
        DataError: If the file cannot be read or written.
    """
    saving = _Saving()

    def change(data: bytes | None) -> bytes | None:
        now = choices_in(data, path, found)
        wanted = {
            product_id: choice
            for product_id, choice in posted.chosen.items()
            if choice != posted.before.get(product_id, Choice()) and choice != now.get(product_id, Choice())
        }
        saving.in_file, saving.data_hash = now, _hash(data)
        saving.others_saved = saving.data_hash != posted.seen
        saving.conflicts = {
            product_id: now.get(product_id, Choice())
            for product_id in wanted
            if now.get(product_id, Choice()) != posted.before.get(product_id, Choice())
        }
        saving.num_saved = len(wanted)
        if saving.conflicts or not wanted:
            return None
        return format_csv(put_choices(parse_fixes(data, path), path, wanted, found.cards, found.classes))

    change_file(path, change)
    return saving


@router.post("/{folder}/")
async def save_page(sample: str, folder: str, request: Request, reader: ReaderDep, page: str = "1") -> Response:
    """Save what a person chose on a page, or show the page again with it and with what is in the way."""
    _may_judge(sample, reader)
    if judge_form.comes_from_elsewhere(request):
        raise HTTPException(403, "Another site sent this form. Nothing was saved.")
    body = await judge_form.read_body(request)
    return await run_in_threadpool(_answer, sample, folder, request, reader, page, body)


def _answer(sample: str, folder: str, request: Request, reader: Reader, page: str, body: bytes) -> Response:
    found = _list_of(sample, folder)
    number, path = _page_number(page, found), _fixes_path(sample)
    posted = judge_form.read_form(body, found)

    def again(status: int, message: str, notes: dict[int, str], saving: _Saving | None = None) -> Response:
        before, data_hash = (saving.in_file, saving.data_hash) if saving else (posted.before, posted.seen)
        try:
            in_file = choices_in(read_bytes(path), path, found)
        except DataError:
            in_file = {}
        incomplete = frozenset(posted.faults)
        shown = _Page(
            sample, folder, found, number, in_file, before, data_hash, posted.chosen, notes, message, incomplete
        )
        return _show(request, shown, status)

    expected = judge_form.token_of(request, _token_page(sample, folder, number))
    if not hmac.compare_digest(expected.encode(), posted.token.encode()):
        return again(403, "Nothing is saved yet, because you signed in again. Press Save again.", {})
    if posted.faults:
        return again(422, "Nothing is saved yet: look at the marked cards, then press Save again:", posted.faults)
    try:
        saving = _save(path, found, posted)
    except DataError as error:
        return again(409, f"Nothing was saved. {error}.", {})
    if saving.conflicts:
        notes = {
            product_id: f"Meanwhile somebody saved: {_spoken(choice, found)}. Your choice is marked; Save keeps yours."
            for product_id, choice in saving.conflicts.items()
        }
        message = "Nothing is saved yet: meanwhile somebody judged some of these products. Look at the marked cards:"
        return again(409, message, notes, saving)
    logger.info("%s judged %d products of list %s: %s", reader.name, saving.num_saved, found.key, path)
    last = -(-len(found.cards) // CARDS_OF_PAGE)
    target = min(number + 1, last) if posted.goes_on else number
    others = "&others=1" if saving.others_saved and saving.num_saved else ""
    return RedirectResponse(f"?page={target}&saved={saving.num_saved}{others}", 303)


def _spoken(choice: Choice, found: SuspectList) -> str:
    words = {"": "not looked at", "catalogue": "the catalogue is right", "suggested": "the suggestion is right"}
    if choice.verdict == "other":
        name = found.names.get(choice.category_id) if choice.category_id is not None else None
        return f"another category, {name.short}" if name else "none of this sample's categories"
    return words.get(choice.verdict, choice.verdict)
