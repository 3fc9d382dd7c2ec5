"""The YAML head of the model card, as the Hugging Face hub reads it.

https://github.com/huggingface/hub-docs/blob/main/modelcard.md lists its keys.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from cdiscount_tasks.pages.parts import words
from cdiscount_tasks.pages.parts.outside_text import plain

_TASK = "image-classification"
_FIGURES = (("accuracy", "accuracy", "Product accuracy"), ("f1", "macro_f1", "Macro F1"))
"""Of the hub's metrics: what it calls one, what metrics.json does, and what a person would."""


_MARKUP = re.compile(r"[<>\[\]!$`|]")
"""Alive in Markdown, for who shows the head as text."""


class _Dumper(yaml.SafeDumper):
    """Writes a text that holds markup between double quotes, in which it can be escaped."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _MARKUP.search(text) else None)


_Dumper.add_representer(str, _quoted)


def _as_yaml(head: Mapping[str, Any]) -> str:
    """Return YAML with a line for each value, however long; of markup, which is between double quotes, the numbers."""
    text = yaml.dump(head, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**6)
    return _MARKUP.sub(lambda one: f"\\x{ord(one[0]):02X}", text)


def _metric(kind: str, name: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    """Return a figure with its interval, which the hub shows in the name and keeps for programs in `args`."""
    low, high = figure["low"], figure["high"]
    counted = words.count(figure["n"], "product")
    has_interval = low is not None and high is not None
    told = f"95 % interval {words.percent_interval(figure)} %, {counted}" if has_interval else f"no interval, {counted}"
    return {
        "type": kind,
        "value": round(figure["value"], 6),
        "name": f"{name} ({told})",
        "args": {**({"level": 0.95, "low": low, "high": high} if has_interval else {}), "num_products": figure["n"]},
    }


def _result(metrics: Mapping[str, Any]) -> dict[str, Any]:
    product = metrics["test"]["product"]
    drawn = " (drawn pictures)" if metrics["catalogue"]["origin"] == "drawn" else ""
    return {
        "task": {"type": _TASK, "name": "Product categories by all images of a product"},
        "dataset": {
            "type": f"cdiscount-{metrics['sample']['name']}",
            "name": f"{plain(metrics['sample']['title'])}, catalogue {metrics['catalogue']['catalogue_id']}{drawn}",
            "split": "test",
        },
        "metrics": [
            _metric(kind, name, product[figure])
            for kind, figure, name in _FIGURES
            if product[figure]["value"] is not None
        ],
    }


def hub_head(metrics: Mapping[str, Any]) -> str:
    """Return the head as YAML, without the lines of three dashes around it.

    The licence is for the owner to choose: the catalogue's pictures, and the weights that a training began with, have
    licences of their own.

    Args:
        metrics: What metrics.json holds.
    """
    network = metrics["lineage"]["config"]["training"]["network"]
    drawn = ["drawn-pictures"] if metrics["catalogue"]["origin"] == "drawn" else []
    result = _result(metrics)
    head = {
        "license": "other",
        "license_name": "not-chosen",
        "library_name": "keras",
        "pipeline_tag": _TASK,
        "tags": [_TASK, "e-commerce", "product-categories", network, *drawn],
        # The hub shows nothing of a model without a figure, and refuses a list of none.
        "model-index": [{"name": f"{metrics['sample']['name']}, run {plain(metrics['run_id'])}", "results": [result]}]
        if result["metrics"]
        else None,
    }
    kept = {name: value for name, value in head.items() if value is not None}
    return _as_yaml(kept)
