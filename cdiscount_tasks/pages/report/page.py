"""The pages: one evaluation report and its model card."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from cdiscount_tasks.learning.measuring.confusion import MAX_CLASSES_IN_MATRIX
from cdiscount_tasks.learning.measuring.looks import interval_percent
from cdiscount_tasks.learning.measuring.seed_spread import ENOUGH_SEEDS
from cdiscount_tasks.pages.parts import words
from cdiscount_tasks.pages.parts.figures import heat, learning_curves
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.report.answers import STILL_TO_AGREE, answers
from cdiscount_tasks.pages.report.cases import Galleries
from cdiscount_tasks.pages.report.class_table import choose_classes, worst_first
from cdiscount_tasks.pages.report.confidence_figures import draw_confidence
from cdiscount_tasks.pages.report.hub_card import hub_head
from cdiscount_tasks.pages.report.kept_epoch import kept_epoch
from cdiscount_tasks.pages.report.mistakes import Mistake, mistake_table
from cdiscount_tasks.pages.report.next_steps import next_steps
from cdiscount_tasks.pages.suspects.rows import Suspect
from cdiscount_tasks.settings.training import TrainingConfig, knobs_of

MAX_CLASSES_IN_HEATMAP = 30
MAX_CLASSES_IN_CARD = 100
MAX_VALUES_IN_LIST = 20


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


def _searched(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the knobs that the run's search chose, by the frozen config."""
    search = config["sample"]["presets"][config["preset"]].get("search") or {"knobs": {}}
    return frozenset(search["knobs"])


def render_report(
    metrics: Mapping[str, Any],
    history: pd.DataFrame,
    galleries: Galleries,
    suspects: Sequence[Suspect] = (),
    mistakes: Sequence[Mistake] = (),
    judgement: Any = None,
    drift: Markup | None = None,
    champion_figures: Markup | None = None,
    search: Markup | None = None,
) -> str:
    """Make the report page: one file, no script, no network.

    Args:
        metrics: What metrics.json holds.
        history: The model's history.parquet.
        galleries: The products that are shown.
        suspects: The most suspect labels.
        mistakes: All of test, the most confident first.
        judgement: The products that speak for this model or for the champion, where it was judged.
        drift: The section about drift since the champion learnt; None: nothing was compared.
        champion_figures: How the champion's own accuracy moved; None or empty: it was asked once.
        search: The section about the search for knobs; None: the preset has none.
    """
    names = words.class_names(metrics["classes"])
    product = metrics["test"]["product"]
    num_classes = len(metrics["classes"])
    blocks = product["confusion"].get("blocks")
    in_full = num_classes <= MAX_CLASSES_IN_HEATMAP
    return render_page(
        "report/page.html",
        metrics=metrics,
        names=names,
        name_of={name.category_id: name for name in names},
        many_classes=num_classes > MAX_CLASSES_IN_MATRIX,
        class_choice=choose_classes(product["per_class"]),
        cells=heat(product["confusion"]["matrix"]) if in_full else None,
        block_cells=heat(blocks["matrix"]) if blocks and not in_full else None,
        curves=learning_curves(history, metrics["model"]["best_epoch"]),
        confidence_curves=draw_confidence(product),
        history=history.to_dict("records"),
        galleries=galleries,
        judgement=judgement,
        drift=drift,
        champion_figures=champion_figures or "",
        enough_seeds=ENOUGH_SEEDS,
        search=search,
        kept_epoch=kept_epoch(metrics, history["phase"].tolist()),
        searched=_searched(metrics["lineage"]["config"]),
        knob_defaults=knobs_of(TrainingConfig()),  # a preset that has one of a later knob does not name it
        verdict_words=words.VERDICTS,
        still_to_agree=STILL_TO_AGREE,
        interval_percent=interval_percent,
        answers=answers(metrics, names),
        steps=next_steps(metrics, names),
        suspects=suspects,
        mistake_table=mistake_table(mistakes, names),
        class_sizes=_class_sizes(metrics["classes"]),
        uniform_log_loss=math.log(num_classes),
        config_json=_config_json(metrics["lineage"]["config"]),
    )


def render_model_card(metrics: Mapping[str, Any], model_dir: str | None = None) -> str:
    """Make MODEL_CARD.md from the report's numbers.

    Args:
        metrics: What metrics.json holds.
        model_dir: The model artifact, absolute, for the lines that use it; None: it was saved by an older version.
    """
    return render_page(
        "report/model_card.md",
        hub_head=hub_head(metrics),
        metrics=metrics,
        names=words.class_names(metrics["classes"]),
        model_dir=model_dir,
        per_class=worst_first(metrics["test"]["product"]["per_class"])[:MAX_CLASSES_IN_CARD],
    )
