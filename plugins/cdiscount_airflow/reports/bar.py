"""The bar above a report inside Airflow: its address, the way back, and all that can be downloaded."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import Request

from cdiscount_airflow.links import NAV_VIEW, run_tab
from cdiscount_airflow.reports.addresses import airflow_url, up_to_airflow
from cdiscount_airflow.reports.files import ServedFile, find_file, sizes_in
from cdiscount_airflow.reports.owners import CATALOGUE_DAG, COMPARISON_DAG, sample_dag_of
from cdiscount_airflow.reports.pages import bar_of
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.reports.metrics import METRICS, read_metrics
from cdiscount_tasks.runs.folders import run_folder

MARKER = '<div class="page">'
"""After this, once in every page of the project, the bar is put."""

_MODEL_FOLDER = re.compile(r"model-[A-Za-z0-9._-]+")
_WHAT = {
    "predictions.parquet": "each product's prediction",
    "label_suspects.csv": "labels to judge",
    "classes.csv": "figures by class",
    "mistakes.csv": "each mistake on test",
    "metrics.json": "all figures, for programs",
    "MODEL_CARD.md": "the model in short",
    "categories.csv": "figures by category",
    "profile.json": "all figures, for programs",
    "comparison.json": "all figures, for programs",
    "compare.json": "all figures, for programs",
    "compare.html": "this page in one file, to send",
    "report.html": "this report in one file, to send",
    "predictions.html": "this page in one file, to send",
    "rejected.parquet": "what has no answer, and why",
    "submission.csv": "each product's most probable class, as Kaggle takes it",
    "summary.json": "all figures, for programs",
}


@dataclass(frozen=True)
class Download:
    """A file to take away.

    Attributes:
        name: Of the file.
        link: Relative to the page.
        what: It holds; empty: its name says it.
        num_bytes: Its size; None: not known before it is made.
    """

    name: str
    link: str
    what: str
    num_bytes: int | None


def _facts(reports_dir: Path, group: str, folder: str) -> tuple[str, str]:
    """Return a report's run id and its model's folder; empty: unknown."""
    file = find_file(reports_dir, group, folder, METRICS)
    try:
        metrics = read_metrics(file.path.parent) if file else {}
        run_id = str(metrics["run_id"])
        model = str(metrics["lineage"]["artifacts"]["model"]["name"])
    except (DataError, OSError, KeyError, TypeError):
        return "", ""
    return (run_id if run_folder(run_id) == folder else ""), model


def find_model_file(samples_dir: Path, sample: str, model: str, name: str) -> ServedFile | None:
    """Return a file of a sample's model that its manifest names, or None.

    Args:
        samples_dir: Where the samples' artifacts are.
        sample: Whose model it is.
        model: The artifact's folder.
        name: The file's name.
    """
    return find_file(samples_dir, sample, model, name) if _MODEL_FOLDER.fullmatch(model) else None


def _model_files(samples_dir: Path, sample: str, model: str) -> dict[str, int]:
    """Return a model's files and their sizes; none where its bucket, which need not be that of the reports, is away."""
    with contextlib.suppress(StoreAway, ConfigError):
        return sizes_in(samples_dir, sample, model) if _MODEL_FOLDER.fullmatch(model) else {}
    return {}


def _downloads(reports_dir: Path, samples_dir: Path, group: str, folder: str, model: str) -> list[Download]:
    """Return the files of a report, the model that it is about, and all of the report in one."""
    found = []
    for name, size in sizes_in(reports_dir, group, folder).items():
        is_page = name.endswith(".html")
        if is_page and name not in _WHAT:
            continue  # it is read beside the report, and is in the zip
        found.append(Download(name, f"{quote(name)}{'?download=1' if is_page else ''}", _WHAT.get(name, ""), size))
    for name, size in _model_files(samples_dir, group, model).items():
        if name.endswith(".keras"):
            found.append(Download(name, f"../../../models/{group}/{model}/{quote(name)}", "the trained network", size))
    return [*found, Download(f"{folder}.zip", f"../../../zips/{group}/{folder}.zip", "all files of this report", None)]


def bar(request: Request, reports_dir: Path, samples_dir: Path, group: str, folder: str) -> str:
    """Return the bar of a page, as HTML.

    Args:
        request: For the page; it has the address by which the reader reaches this server.
        reports_dir: CDISCOUNT_REPORTS.
        samples_dir: Where the samples' artifacts are.
        group: A sample's name, `catalogue` or `comparison`.
        folder: The report's folder.
    """
    dag_id = {"catalogue": CATALOGUE_DAG, "comparison": COMPARISON_DAG}.get(group, sample_dag_of(group))
    run_id, model = _facts(reports_dir, group, folder)
    place = run_tab(dag_id, run_id) if run_id else f"plugin/{NAV_VIEW}{quote(request.url.path)}"
    return bar_of(
        address=f"{airflow_url(request)}{place}",
        link=f"{up_to_airflow(request)}{place}",
        dag_id=dag_id,
        downloads=_downloads(reports_dir, samples_dir, group, folder, model),
    )


def bar_of_pair(request: Request, sample: str, page: ServedFile) -> str:
    """Return the bar of a page of two runs of a sample, or of predictions by its model, as HTML.

    Args:
        request: For the page; it has the address by which the reader reaches this server.
        sample: Of both runs, or of the model.
        page: The page's file.
    """
    folder = page.path.parent
    place = f"plugin/{NAV_VIEW}{quote(request.url.path)}"
    return bar_of(
        address=f"{airflow_url(request)}{place}",
        link=f"{up_to_airflow(request)}{place}",
        dag_id=sample_dag_of(sample),
        root="../../../../",
        downloads=[
            Download(
                name,
                f"{quote(name)}{'?download=1' if name.endswith('.html') else ''}",
                _WHAT.get(name, ""),
                size,
            )
            for name, size in sizes_in(folder.parents[1], folder.parent.name, folder.name).items()
        ],
    )


def with_bar(page: bytes, bar_text: str) -> bytes:
    """Return a page with a bar on top; one that is none of the project's stays as it is."""
    before, marker, after = page.partition(MARKER.encode())
    return before + marker + b"\n" + bar_text.encode() + after if marker else page
