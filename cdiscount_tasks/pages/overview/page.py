"""The index over everything in the reports folder: a row a run, a line a sample, and what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from cdiscount_tasks.pages.overview.ranking import Ranking, rank_runs
from cdiscount_tasks.pages.overview.rows import FinishedPage, FinishedReport, SkippedRun, UnreadableReport
from cdiscount_tasks.pages.parts.sparkline import Point, Sparkline, draw_sparkline
from cdiscount_tasks.pages.parts.templating import render_page

NUM_OPEN_RUNS = 12
"""How many runs of a sample are shown; older ones are folded away, so that 300 runs stay readable."""


@dataclass(frozen=True)
class SampleRuns:
    """A sample's section: its runs, the newest first, the line of their accuracies, and pages of two runs each."""

    name: str
    title: str
    rows: Sequence[FinishedReport | UnreadableReport]
    sparkline: Sparkline | None = field(repr=False)
    skip: SkippedRun | None = None
    pairs: Sequence[FinishedPage] = ()

    @property
    def ranking(self) -> Ranking | None:
        """Return the runs by accuracy; None: there are no two to choose from."""
        return rank_runs([row for row in self.rows if isinstance(row, FinishedReport)])

    @property
    def missing(self) -> list[str]:
        """Return why runs lack label suspects and the price of a leak: each reason once, the newest run's first."""
        reasons = [row.no_features for row in self.rows if isinstance(row, FinishedReport) and row.no_features]
        return list(dict.fromkeys(reasons))


def _sample_runs(
    name: str,
    rows: Sequence[FinishedReport | UnreadableReport],
    skip: SkippedRun | None,
    pairs: Sequence[FinishedPage],
) -> SampleRuns:
    read = [row for row in rows if isinstance(row, FinishedReport)]
    points = [
        Point(
            run.accuracy["value"],
            run.accuracy["low"],
            run.accuracy["high"],
            run.preset_words,
            f"{run.finished:%Y-%m-%d %H:%M}",
            run.kind,
        )
        for run in reversed(read)
        if run.accuracy["value"] is not None
    ]
    is_told = skip is not None and skip.at > rows[0].finished  # what has a newer report is no news
    title = read[0].title if read else name
    return SampleRuns(name, title, rows, draw_sparkline(points), skip if is_told else None, pairs)


def runs_by_sample(
    reports: Sequence[FinishedReport | UnreadableReport],
    skips: Sequence[SkippedRun] = (),
    pairs: Sequence[FinishedPage] = (),
) -> list[SampleRuns]:
    """Return each sample's section, by name, with its newest run first.

    Args:
        reports: Of all samples, in any order.
        skips: The run of each sample that was skipped last, if any.
        pairs: Pages of two runs of a sample each; that of a sample without a run is left out.
    """
    newest_first = sorted(reports, key=lambda report: (report.finished, report.link or ""), reverse=True)
    by_sample = sorted(newest_first, key=lambda report: report.sample)
    skipped = {skip.sample: skip for skip in skips}
    return [
        _sample_runs(name, list(rows), skipped.get(name), [pair for pair in pairs if pair.link.split("/")[0] == name])
        for name, rows in groupby(by_sample, key=lambda report: report.sample)
    ]


def newest_first(pages: Sequence[FinishedPage]) -> list[FinishedPage]:
    """Return pages, the newest first."""
    return sorted(pages, key=lambda one: (one.finished, one.link), reverse=True)


def render_index(
    reports: Sequence[FinishedReport | UnreadableReport],
    catalogues: Sequence[FinishedPage] = (),
    comparisons: Sequence[FinishedPage] = (),
    skips: Sequence[SkippedRun] = (),
    pairs: Sequence[FinishedPage] = (),
    disk_warning: str = "",
    predictions: Sequence[FinishedPage] = (),
) -> str:
    """Make the index page: comparisons, runs by sample with the newest first, predictions, catalogues.

    Args:
        reports: Of all samples, in any order.
        catalogues: Pages of catalogues.
        comparisons: Comparisons of samples.
        skips: The run of each sample that was skipped last, if any; shown where no report is newer.
        pairs: Pages of two runs of a sample each.
        disk_warning: That the disk will soon be full; empty: it will not.
        predictions: Pages of predictions.
    """
    samples = runs_by_sample(reports, skips, newest_first(pairs))
    read = [report for report in reports if isinstance(report, FinishedReport)]
    return render_page(
        "overview/page.html",
        samples=samples,
        num_open=NUM_OPEN_RUNS,
        num_reports=len(read),
        num_unreadable=len(reports) - len(read),
        catalogues=newest_first(catalogues),
        comparisons=newest_first(comparisons),
        predictions=newest_first(predictions),
        any_drawn=any(report.drawn for report in read) or any(page.drawn for page in predictions),
        disk_warning=disk_warning,
    )
