"""What the overview lists: a finished report, a damaged one, a skipped run, a page; each as it is read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from cdiscount_tasks.pages.parts.words import spoken

NO_KNOBS = frozenset({"seed", "gpus", "seeds"})
"""Settings of a training that leave two runs comparable: with `retrain: always` each run has a seed of its own."""

STOPPED_AFTER = "stopped_after_epoch"
"""Among a run's training settings: where somebody stopped it; missing where it ended by itself."""

STARTED_BY = {
    "manual": "started by hand",
    "scheduled": "started by its schedule",
    "asset_triggered": "started by a new index",
}


@dataclass(frozen=True)
class Change:
    """What a run is worth against an earlier run of its sample.

    Attributes:
        points: Product accuracy minus that of the earlier run, in points of 100.
        low, high: The 95 % interval, paired by product; None: there is none.
        note: How the two were compared, in words.
        against: Which run it is compared with, in words.
        since: What else is different between the two, each in words.
    """

    points: float
    low: float | None
    high: float | None
    note: str
    against: str = ""
    since: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say what the interval allows to say."""
        if self.low is None or self.high is None or self.low == self.high:
            return ""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no difference shown"


@dataclass(frozen=True)
class FinishedReport:
    """A finished report as the index lists it.

    Attributes:
        sample: Its sample's name.
        title: Its sample's title.
        link: Of its report.html, relative to the index page.
        finished: When, in UTC.
        run_id, preset: As the run was started.
        accuracy: The figure of product accuracy on test.
        baseline: Accuracy of always answering the largest class.
        above_baseline, certified: The verdict.
        drawn: The catalogue was drawn by the demo.
        total_s: Seconds of all its steps.
        overrides: Knobs that differ from the preset.
        artifacts: Names of the artifacts that it was made from, by stage.
        predictions_hash: Of predictions.parquet.
        no_features: Why there is no price of a leak, as a sentence; None: there is one, or the report is older.
        settings: What is compared between runs: `training`, `data`, `catalogue_id`, `num_fixes`, `fixes`, `weights`,
            `versions`, as far as its metrics.json has them.
        trained: Whether it trained or whose model it used, in words.
        change: Against an earlier run of the sample; None: it is the first.
        cost: Of all its steps, in words; empty: no price was set.
        judged: What its judgement says of it and the champion of then, in words; empty: it was not judged.
        decided: What became of its model after that, in words; empty: nothing was decided yet.
        champion: Since when and by which decision its model is the champion, in words; empty: it is not.
    """

    sample: str
    title: str
    link: str
    finished: datetime
    run_id: str
    preset: str
    accuracy: Mapping[str, Any]
    baseline: float | None
    above_baseline: bool
    certified: bool
    drawn: bool
    total_s: float | None
    overrides: Mapping[str, Any]
    artifacts: Mapping[str, str]
    predictions_hash: str
    no_features: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    trained: str = ""
    change: Change | None = None
    cost: str = ""
    judged: str = ""
    decided: str = ""
    champion: str = ""

    @property
    def folder(self) -> str:
        """Return the name of the run's folder."""
        return self.link.rsplit("/", 2)[-2]

    @property
    def knobs_words(self) -> str:
        """Name the knobs that differ from the preset, such as `epochs 2, seed 1`; empty: none does."""
        return ", ".join(f"{spoken(knob)} {value}" for knob, value in self.overrides.items())

    @property
    def stopped_after(self) -> int | None:
        """Return the epoch after which somebody stopped its training; None: it ended by itself."""
        epoch: int | None = (self.settings.get("training") or {}).get(STOPPED_AFTER)
        return epoch

    @property
    def stopped_words(self) -> str:
        """Say that somebody stopped its training, and when; empty: it ended by itself."""
        return "" if self.stopped_after is None else f"stopped by hand after epoch {self.stopped_after}"

    @property
    def preset_words(self) -> str:
        """Say with which settings it was trained, such as `smoke with epochs 2`, and whether it was stopped."""
        with_knobs = f"{self.preset} with {self.knobs_words}" if self.knobs_words else self.preset
        return f"{with_knobs}, {self.stopped_words}" if self.stopped_words else with_knobs

    @cached_property
    def kind(self) -> str:
        """Return what runs must have in common for their accuracies to be joined: preset and knobs, less the seed."""
        training = self.settings.get("training") or self.overrides
        knobs = {knob: value for knob, value in training.items() if knob not in NO_KNOBS}
        return json.dumps([self.preset, knobs], sort_keys=True, default=str)

    @property
    def started_by(self) -> str:
        """Say who started the run, as far as its id shows."""
        return STARTED_BY.get(self.run_id.split("__")[0], "")


@dataclass(frozen=True)
class UnreadableReport:
    """A folder that should hold a report and holds none that can be read.

    Attributes:
        sample: Name of the folder's parent.
        link: Of its report.html, if there is one.
        folder: The run's folder.
        finished: When it was last written to, in UTC.
        reason: What is wrong and what to do, as a sentence.
    """

    sample: str
    link: str | None
    folder: str
    finished: datetime
    reason: str


@dataclass(frozen=True)
class SkippedRun:
    """The run of a sample that was skipped last: it had started by itself, and would have made nothing new.

    Attributes:
        sample: Its sample's name.
        at: When, in UTC.
        run_id: Airflow's.
        reason: Why, and what to alter, as a sentence.
    """

    sample: str
    at: datetime
    run_id: str
    reason: str


@dataclass(frozen=True)
class FinishedPage:
    """A page of a catalogue, a comparison of samples, or predictions.

    Attributes:
        link: Of the page, relative to the index.
        finished: When, in UTC.
        facts: The result in its manifest.
    """

    link: str
    finished: datetime
    facts: Mapping[str, Any]

    @property
    def drawn(self) -> bool:
        """Whether the demo drew what it tells of, or, of predictions, what their model learnt from."""
        return "drawn" in (self.facts.get("origin"), self.facts.get("model_origin"))


def _figure(value: Any) -> dict[str, Any]:
    """Check a figure of metrics.json: it is drawn as well as printed."""
    figure = {part: value[part] for part in ("value", "low", "high", "n")}
    for part, number in figure.items():
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise TypeError(f"test.product.accuracy.{part} is {number!r}, expected a number")
    return figure


def _settings(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Take out of a metrics.json what may be different between two runs."""
    lineage = metrics["lineage"]
    config, fixes = lineage.get("config") or {}, (metrics.get("labels") or {}).get("human_fixes") or {}
    stopped = (metrics.get("model") or {}).get("stopped")
    return {
        # A training that was stopped is joined with none that ended by itself: it is a setting as others are.
        "training": {**(config.get("training") or {}), **({STOPPED_AFTER: stopped["after_epoch"]} if stopped else {})},
        "data": {**(config.get("draw") or {}), **(config.get("labels") or {})},
        "catalogue_id": metrics["catalogue"].get("catalogue_id"),
        "num_fixes": sum(int(fixes.get(name) or 0) for name in ("num_relabelled", "num_confirmed", "num_excluded")),
        "fixes": (config.get("inputs") or {}).get("label_fixes.csv"),
        "weights": lineage.get("weights"),
        "versions": dict(lineage.get("versions") or {}),
    }


def _cost(metrics: Mapping[str, Any]) -> str:
    resources = metrics.get("resources") or {}
    cost = (resources.get("total") or {}).get("cost")
    return "" if cost is None else f"{cost:.2f} {resources['prices']['currency']}"


def _judged(metrics: Mapping[str, Any]) -> str:
    """Say what a run's judgement says; where its model and the champion could not be compared, why."""
    verdict = (metrics["verdict"].get("champion") or {}).get("verdict")
    if verdict is None:
        return ""
    judgement = metrics.get("champion") or {}
    if verdict == "not_comparable":
        why = (judgement.get("reasons") or ["its report does not say why"])[-1]
        return f"not compared with the champion of then: {why}"
    if judgement.get("champion") is None:
        found = "better" if verdict == "first" else "not shown to be better"
        return f"no champion then: {found} than always answering the largest class"
    return f"against the champion of then: {verdict.replace('_', ' ')}"


def report_row(metrics: Mapping[str, Any], link: str, finished: datetime) -> FinishedReport:
    """Take out of a metrics.json what the index shows.

    Args:
        metrics: Of this code's schema.
        link: Of the report, relative to the index.
        finished: When it was, in UTC.

    Raises:
        KeyError, TypeError: If a field is missing or of a wrong type: the file is damaged.
    """
    test, lineage = metrics["test"], metrics["lineage"]
    return FinishedReport(
        sample=str(metrics["sample"]["name"]),
        title=str(metrics["sample"]["title"]),
        link=link,
        finished=finished,
        run_id=str(metrics["run_id"]),
        preset=str(metrics["preset"]),
        accuracy=_figure(test["product"]["accuracy"]),
        baseline=_figure(test["baseline"]["majority"])["value"],
        above_baseline=bool(metrics["verdict"]["above_baseline"]),
        certified=bool(metrics["verdict"]["certified"]),
        drawn=metrics["catalogue"]["origin"] == "drawn",
        total_s=metrics["durations_s"]["total"],
        overrides=dict(lineage["overrides"]),
        artifacts={stage: str(artifact["name"]) for stage, artifact in lineage["artifacts"].items()},
        predictions_hash=str(lineage["files"]["predictions.parquet"]),
        no_features=(metrics.get("leak") or {}).get("reason"),
        settings=_settings(metrics),
        cost=_cost(metrics),
        judged=_judged(metrics),
    )
