"""What the report says of label suspects: the list, the page to judge it by, and the few that it shows itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cdiscount_tasks.learning.features.leak import unknown_price
from cdiscount_tasks.pages.suspects.page import cards_to_judge, render_suspects_page, show_listed
from cdiscount_tasks.pages.suspects.rows import (
    Suspect,
    choose_suspects,
    list_rows,
    listed_rows,
    show_suspects,
    write_list,
)
from cdiscount_tasks.reports.evidence import read_thumbnails
from cdiscount_tasks.tables.audit import AuditTables


class SuspectTexts(NamedTuple):
    """What is made of an audit.

    Attributes:
        shown: The most suspect, for the report itself.
        files: Texts by file name, to stand beside it.
    """

    shown: list[Suspect]
    files: dict[str, str]


def describe_audit(audit: AuditTables | None, tested: pd.DataFrame, no_features: str) -> dict[str, Any]:
    """Return what metrics.json says of the leak and the suspects."""
    if audit is None:
        return {"leak": {"reason": no_features, **unknown_price()}, "suspects": None}
    found = {name: count for name, count in audit.counts.items() if name.startswith("num_")}
    wrong = tested.loc[tested["predicted"] != tested["class_index"], "product_id"]
    suspect = audit.suspects.loc[audit.suspects["is_suspect"], "product_id"]
    found |= {"num_mistakes": len(wrong), "num_mistakes_suspect": int(wrong.isin(suspect).sum())}
    return {"leak": audit.leak, "suspects": {"list": audit.key, **found, "reviews": audit.reviews}}


def make_suspect_texts(
    dirs: Mapping[str, Path],
    audit: AuditTables | None,
    classes: pd.DataFrame,
    metrics: Mapping[str, Any],
    *,
    embed_pictures: bool,
) -> SuspectTexts:
    """Make label_suspects.csv, suspects.html and suspects.json, and choose the suspects that the report shows.

    Args:
        dirs: The input artifacts by stage: sample, labels.
        audit: None: there is none, and neither are the files.
        classes: classes.parquet.
        metrics: What metrics.json holds.
        embed_pictures: Whether the pages may hold pictures of the catalogue.
    """
    if audit is None:
        return SuspectTexts([], {})
    listed = listed_rows(audit.suspects)
    pictures, no_pictures = read_thumbnails(dirs, listed["product_id"].tolist(), embed_pictures=embed_pictures)
    products = show_listed(listed, pictures)
    rows = list_rows(audit.suspects, classes, audit.key)
    cards = cards_to_judge(rows, products, metrics["classes"], audit.key, no_pictures)
    return SuspectTexts(
        show_suspects(choose_suspects(audit.suspects), pictures),
        {
            "label_suspects.csv": write_list(rows),
            "suspects.html": render_suspects_page(metrics, products, no_pictures),
            "suspects.json": json.dumps(cards, indent=1, ensure_ascii=False) + "\n",
        },
    )
