"""The pages: one evaluation report, its model card, and the index over all finished reports."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from cdiscount_tasks.records import DRAWN_WARNING
from cdiscount_tasks.reporting import outside_text, words
from cdiscount_tasks.reporting.class_table import choose_classes, worst_first
from cdiscount_tasks.reporting.confidence_figures import draw_confidence
from cdiscount_tasks.reporting.coverage import few_groups
from cdiscount_tasks.reporting.figures import heat, learning_curves
from cdiscount_tasks.reporting.gallery import Mistake
from cdiscount_tasks.reporting.suspects import Suspect

MAX_CLASSES_IN_HEATMAP = 30
MAX_CLASSES_IN_CARD = 100
MAX_VALUES_IN_LIST = 20

_TEMPLATES_DIR = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class FinishedReport:
    """A finished report as the index page lists it.

    Attributes:
        link: Of its report.html, relative to the index page.
        written: When it was finished, in UTC, as text that sorts.
        metrics: Its metrics.json.
    """

    link: str
    written: str
    metrics: Mapping[str, Any]


def page_css() -> str:
    """Return the style sheet that stands in every page."""
    return (_TEMPLATES_DIR / "page.css").read_text(encoding="utf-8")


@cache
def templates(*, autoescape: bool = True) -> jinja2.Environment:
    """Return the templates, with the filters that say numbers in words."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES_DIR),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=outside_text.shown,
    )
    for name in ("number", "interval", "count", "percent", "duration", "spoken", "explained"):
        environment.filters[name] = getattr(words, name)
    environment.filters["few_groups"] = few_groups
    for name in ("markdown", "plain"):
        environment.filters[name] = getattr(outside_text, name)
    return environment


def _config_json(config: Mapping[str, Any]) -> str:
    """Return the config for the page; of a long list of ids the first few and how many more there are."""

    def short(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: short(one) for key, one in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            more = len(value) - MAX_VALUES_IN_LIST
            shown = [short(one) for one in value[:MAX_VALUES_IN_LIST]]
            return [*shown, f"and {more:,} more: see metrics.json"] if more > 0 else shown
        return value

    return json.dumps(short(config), indent=2, ensure_ascii=False)


def render_report(
    metrics: Mapping[str, Any],
    history: pd.DataFrame,
    mistakes: Sequence[Mistake],
    suspects: Sequence[Suspect] = (),
) -> str:
    """Make the report page: one file, no script, no network.

    Args:
        metrics: What metrics.json holds.
        history: The model's history.parquet.
        mistakes: The most confident ones.
        suspects: The most suspect labels.
    """
    names = words.class_names(metrics["classes"])
    product = metrics["test"]["product"]
    num_classes = len(metrics["classes"])
    blocks = product["confusion"].get("blocks")
    in_full = num_classes <= MAX_CLASSES_IN_HEATMAP
    return (
        templates(autoescape=True)
        .get_template("report.html")
        .render(
            metrics=metrics,
            names=names,
            name_of={name.category_id: name for name in names},
            css=page_css(),
            drawn_warning=DRAWN_WARNING,
            class_choice=choose_classes(product["per_class"]),
            cells=heat(product["confusion"]["matrix"]) if in_full else None,
            block_cells=heat(blocks["matrix"]) if blocks and not in_full else None,
            curves=learning_curves(history, metrics["model"]["best_epoch"]),
            confidence_curves=draw_confidence(product),
            history=history.to_dict("records"),
            mistakes=mistakes,
            suspects=suspects,
            uniform_log_loss=math.log(num_classes),
            config_json=_config_json(metrics["lineage"]["config"]),
        )
    )


def render_model_card(metrics: Mapping[str, Any]) -> str:
    """Make MODEL_CARD.md from the report's numbers."""
    return (
        templates(autoescape=False)
        .get_template("model_card.md")
        .render(
            metrics=metrics,
            names=words.class_names(metrics["classes"]),
            drawn_warning=DRAWN_WARNING,
            per_class=worst_first(metrics["test"]["product"]["per_class"])[:MAX_CLASSES_IN_CARD],
        )
    )


@dataclass(frozen=True)
class FinishedCatalogue:
    """A catalogue's page as the index page lists it.

    Attributes:
        link: Of its catalogue.html, relative to the index page.
        written: When it was finished, in UTC, as text that sorts.
        facts: The result in its manifest.
    """

    link: str
    written: str
    facts: Mapping[str, Any]


def render_index(reports: Sequence[FinishedReport], catalogues: Sequence[FinishedCatalogue] = ()) -> str:
    """Make the index page over the finished reports: by sample, the newest first, and below them the catalogues."""
    newest_first = sorted(reports, key=lambda report: (report.written, report.link), reverse=True)
    by_sample = sorted(newest_first, key=lambda report: str(report.metrics["sample"]["name"]))
    return (
        templates(autoescape=True)
        .get_template("index.html")
        .render(
            samples=[
                list(group) for _, group in groupby(by_sample, key=lambda report: str(report.metrics["sample"]["name"]))
            ],
            num_reports=len(reports),
            catalogues=sorted(catalogues, key=lambda one: (one.written, one.link), reverse=True),
            css=page_css(),
            drawn_warning=DRAWN_WARNING,
            any_drawn=any(report.metrics["catalogue"]["origin"] == "drawn" for report in reports),
        )
    )
