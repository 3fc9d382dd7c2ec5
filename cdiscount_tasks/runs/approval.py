"""A person's consent to a promotion: whether somebody is asked, what, and what was answered."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.pages.parts.outside_text import markdown
from cdiscount_tasks.pages.parts.words import VERDICTS, percent
from cdiscount_tasks.reports.telling_products import TellingAnswer, TellingProduct, find_telling
from cdiscount_tasks.runs.folders import QUESTION
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.stages.judgement import JUDGEMENT

logger = logging.getLogger(__name__)

APPROVAL = "approval"
"""Under this name the answer stands in the run's artifacts.json."""

ASKED = "question"
"""Under this name artifacts.json says about which judgement a person was asked."""

NO_UI = "no person can be asked outside Airflow's UI: trigger the DAG there"
NO_CHAMPION = "there is no champion yet"
NOT_ASKED = "nobody was asked about this judgement: clear the task that asks a person"


class Question(NamedTuple):
    """What a person is asked: a line, and Markdown below it."""

    subject: str
    body: str


class Answer(NamedTuple):
    """What a person said; `who` is empty where the time ran out, or nobody could be asked."""

    approved: bool
    who: str
    answer: str
    at: str


def _judgement(run: Run) -> dict[str, Any]:
    return read_json(run.folders()["judgement"] / JUDGEMENT)


def has_champion(run: Run) -> bool:
    """Return whether the run's model was judged against a champion, which a no would keep."""
    return _judgement(run)["champion"] is not None


def reason_not_to_ask(run: Run) -> str:
    """Return why nobody is asked; empty: somebody is."""
    if run.config.sample.promotion.approval == "none":
        return "the sample's YAML wants no approval"
    if not _judgement(run)["promotes"]:
        return "the judgement does not promote this model"
    return ""


def _champion_evaluation(run: Run) -> Path | None:
    """Return what the champion answered, as the judgement itself took it; None: there was no champion.

    Never by the number of a look: a champion of before has looks too, and their products may have been others.
    """
    key = read_manifest(run.folders()["judgement"])["inputs"].get("evaluation_champion")
    return run.artifacts_dir / f"evaluation-{key}" if key else None


def _said(answer: TellingAnswer) -> str:
    marked = f"{'✓' if answer.is_right else '✗'} {percent(answer.confidence, 0)}"
    return f"{markdown(answer.name)} {marked}".replace(" %", "\N{NO-BREAK SPACE}%")


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([title, *cells])} |"


def _leave_picture(run: Run, product: TellingProduct) -> str | None:
    """Write a product's picture into the run's folder, and return its name; None: it has none."""
    picture = product.picture
    if picture is None:
        return None
    name, folder = f"{product.product_id}.jpg", run.run_dir / QUESTION
    folder.mkdir(exist_ok=True)

    def write(aside: Path) -> None:
        aside.write_bytes(picture)

    replace_file(folder / name, write)
    return name


def _table(run: Run, products: Sequence[TellingProduct], address_of: Callable[[str], str]) -> str:
    """Return the products' pictures, and what is said of them, as Markdown."""
    names = [_leave_picture(run, one) for one in products]
    pictures = [
        f"![{markdown(one.name)}]({address_of(name)})" if name else ""
        for one, name in zip(products, names, strict=True)
    ]
    rows = [
        _row("Product", [str(one.product_id) for one in products]),
        _row("---", ["---"] * len(products)),
        *([_row("", pictures)] if any(pictures) else []),
        _row("**Catalogue**", [markdown(one.name) for one in products]),
        _row("**New model**", [_said(one.challenger) for one in products]),
    ]
    if products[0].champion is not None:
        rows.append(_row("**Champion**", [_said(one.champion) for one in products if one.champion]))
    return "\n".join(rows)


def _told(run: Run, sentence: str) -> str:
    """Return a sentence as Markdown; a question names no place of this machine."""
    return markdown(sentence.replace(f"{run.environment.work_dir}/", ""))


def _telling(run: Run, address_of: Callable[[str], str]) -> list[str]:
    """Return what shows the most telling products; a question without them can be answered all the same."""
    try:
        evaluation_dir = _champion_evaluation(run)
        found = find_telling(run.folders(), evaluation_dir, embed_pictures=run.config.sample.embed_pictures)
    except DataError as error:
        logger.warning("the question has no products: %s", error)
        return [f"Products that show the difference cannot be read: {_told(run, str(error))}."]
    if not found.products:
        return []
    what = "Test products on which the two disagree" if evaluation_dir else "Test products that this model has wrong"
    no_pictures = [_told(run, found.no_pictures.replace("on this page", "shown here"))] if found.no_pictures else []
    marks = "✓ right, ✗ wrong, and how sure the model is"
    return [f"{what}, the surest wrong answers first ({marks}):", _table(run, found.products, address_of), *no_pictures]


def question_of(run: Run, address_of: Callable[[str], str]) -> Question:
    """Return what is asked: the verdict, what it rests on, and which products speak for either model.

    Args:
        run: Whose model; the pictures of the question are left in its folder.
        address_of: Gives the address of a picture by its name, for the Markdown.
    """
    facts, title = _judgement(run), run.config.sample.title
    champion = facts["champion"]
    against = (
        f"against the champion of {champion['since'][:10]} (run {champion['run_id']})" if champion else NO_CHAMPION
    )
    lines = [
        f"**{VERDICTS[facts['verdict']]}** ({against}).",
        *facts["reasons"],
        *(
            []
            if not champion
            else [
                f"Right alone: this model {facts['only_challenger']:,} products, the champion "
                f"{facts['only_champion']:,}; the report shows some of them."
            ]
        ),
        *_telling(run, address_of),
        *(f"Gate: {gate['sentence']}" for gate in facts["gates"] if gate["limit"] is not None),
    ]
    return Question(f"{title}: is this model to become the champion?", "\n\n".join(lines))


def note_question(run: Run) -> None:
    """Note that a person is asked about the run's judgement.

    Raises:
        DataError: If the run's question was about an earlier judgement: Airflow shows that one's text for good.
    """
    judgement = run.folders()["judgement"].name
    before = run.recorded().get(ASKED, {}).get("judgement", judgement)
    if before != judgement:
        raise DataError(
            f"{run.run_dir / 'artifacts.json'}: a person was asked about {before}, and the run was judged again since "
            f"({judgement}); Airflow cannot change the text of a question, so nobody is asked; trigger a new run, "
            "which finds what this one has made"
        )
    run.record(ASKED, {"judgement": judgement})


def note_answer(run: Run, *, approved: bool, who: str, answer: str, at: str) -> str:
    """Note an answer in the run's artifacts.json, and return it in a line."""
    _note(run, Answer(approved, who, answer, at))
    return f"{answer}: {who or 'nobody answered in time'}"


def note_unasked(run: Run) -> str:
    """Note that nobody could be asked, which means no; returns it in a line."""
    _note(run, Answer(False, "", NO_UI, ""))
    return NO_UI


def _note(run: Run, answer: Answer) -> None:
    run.record(APPROVAL, {**answer._asdict(), "judgement": run.folders()["judgement"].name})


def answer_of(run: Run) -> Answer | None:
    """Return what was answered; None: nobody was to be asked.

    Where somebody was to be asked and was not, as where the task was marked a success by hand, or was asked about an
    earlier judgement of the run, that is a no: silence is no consent.
    """
    if reason_not_to_ask(run):
        return None
    noted = run.recorded().get(APPROVAL, {})
    if noted.get("judgement") != run.folders()["judgement"].name:
        return Answer(False, "", NOT_ASKED, "")
    return Answer(**{name: noted[name] for name in Answer._fields})
