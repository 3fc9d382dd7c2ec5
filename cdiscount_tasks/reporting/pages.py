"""The pages: one evaluation report and its model card."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from cdiscount_tasks.records import DRAWN_WARNING
from cdiscount_tasks.reporting import words
from cdiscount_tasks.reporting.cases import Galleries
from cdiscount_tasks.reporting.confidence_figures import draw_confidence
from cdiscount_tasks.reporting.coverage import few_groups
from cdiscount_tasks.reporting.figures import heat, learning_curves
from cdiscount_tasks.reporting.suspects import Suspect

MAX_CLASSES_IN_TABLE = 100
MAX_CLASSES_IN_HEATMAP = 30

_TEMPLATES_DIR = Path(__file__).parent / "templates"


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
    )
    for name in ("number", "signed", "interval", "count", "percent", "duration", "spoken", "explained", "markdown"):
        environment.filters[name] = getattr(words, name)
    environment.filters["few_groups"] = few_groups
    return environment


def _worst_first(per_class: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Order classes by F1, those that few products judge at the end: their places are chance."""

    def place(one: Mapping[str, Any]) -> tuple[bool, float, int]:
        f1 = one["f1"]["value"]
        return one["too_few_to_judge"], -1.0 if f1 is None else f1, one["class_index"]

    return sorted(per_class, key=place)


def _class_sizes(classes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how large each class is, the largest first."""
    rows = [
        {
            "class_index": one["class_index"],
            "num_products": sum(one["num_products"].values()),
            "by_split": one["num_products"],
        }
        for one in classes
    ]
    total = sum(row["num_products"] for row in rows) or 1
    shares = [{**row, "share": row["num_products"] / total} for row in rows]
    return sorted(shares, key=lambda row: (-row["num_products"], row["class_index"]))


def render_report(
    metrics: Mapping[str, Any],
    history: pd.DataFrame,
    galleries: Galleries,
    suspects: Sequence[Suspect] = (),
) -> str:
    """Make the report page: one file, no script, no network.

    Args:
        metrics: What metrics.json holds.
        history: The model's history.parquet.
        galleries: The products that are shown.
        suspects: The most suspect labels.
    """
    names = words.class_names(metrics["classes"])
    product = metrics["test"]["product"]
    num_classes = len(metrics["classes"])
    per_class = _worst_first(product["per_class"])
    return (
        templates(autoescape=True)
        .get_template("report.html")
        .render(
            metrics=metrics,
            names=names,
            name_of={name.category_id: name for name in names},
            css=page_css(),
            drawn_warning=DRAWN_WARNING,
            per_class=per_class[:MAX_CLASSES_IN_TABLE],
            num_classes_left_out=max(0, num_classes - MAX_CLASSES_IN_TABLE),
            cells=heat(product["confusion"]["matrix"]) if num_classes <= MAX_CLASSES_IN_HEATMAP else None,
            curves=learning_curves(history, metrics["model"]["best_epoch"]),
            confidence_curves=draw_confidence(product),
            history=history.to_dict("records"),
            galleries=galleries,
            suspects=suspects,
            class_sizes=_class_sizes(metrics["classes"]),
            uniform_log_loss=math.log(num_classes),
            config_json=json.dumps(metrics["lineage"]["config"], indent=2, ensure_ascii=False),
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
            per_class=_worst_first(metrics["test"]["product"]["per_class"])[:MAX_CLASSES_IN_TABLE],
        )
    )
