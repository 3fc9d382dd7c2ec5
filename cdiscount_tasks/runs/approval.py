"""A person's consent to a promotion: whether somebody is asked, what, and what was answered."""

from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.pages.parts.words import VERDICTS
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.stages.judgement import JUDGEMENT

APPROVAL = "approval"
"""Under this name the answer stands in the run's artifacts.json."""

NO_UI = "no person can be asked outside Airflow's UI: trigger the DAG there"
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


def reason_not_to_ask(run: Run) -> str:
    """Return why nobody is asked; empty: somebody is."""
    if run.config.sample.promotion.approval == "none":
        return "the sample's YAML wants no approval"
    if not _judgement(run)["promotes"]:
        return "the judgement does not promote this model"
    return ""


def question_of(run: Run) -> Question:
    """Return what is asked: the verdict, what it rests on, and which products speak for either model."""
    facts, title = _judgement(run), run.config.sample.title
    champion = facts["champion"]
    against = f"the champion of {champion['since'][:10]} (run {champion['run_id']})" if champion else "no champion yet"
    lines = [
        f"**{VERDICTS[facts['verdict']]}** (against {against}).",
        *facts["reasons"],
        *(
            []
            if not champion
            else [
                f"Right alone: this model {facts['only_challenger']:,} products, the champion "
                f"{facts['only_champion']:,}; the report shows some of them."
            ]
        ),
        *(f"Gate: {gate['sentence']}" for gate in facts["gates"] if gate["limit"] is not None),
    ]
    return Question(f"{title}: is this model to become the champion?", "\n\n".join(lines))


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
