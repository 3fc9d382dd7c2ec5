"""The report: what the predictions are worth, as numbers for programs and as a page for people.

Made from Parquet, config and manifests alone, so that it can be made again without the model.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import make_page
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.profile_file import read_profile
from cdiscount_tasks.labelling.near_duplicates import count_near_duplicates
from cdiscount_tasks.learning.measuring import metrics as measuring
from cdiscount_tasks.learning.measuring.calibration import Calibration
from cdiscount_tasks.learning.measuring.choices import choose_shown
from cdiscount_tasks.learning.measuring.intervals import known_exactly
from cdiscount_tasks.learning.measuring.reliability import measure_calibration
from cdiscount_tasks.pages.labels.choices import choose_all
from cdiscount_tasks.pages.labels.page import render_label_page
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.pages.report.cases import show_galleries
from cdiscount_tasks.pages.report.class_table import write_classes
from cdiscount_tasks.pages.report.metrics_json import ReportFacts, indent_of, summarise
from cdiscount_tasks.pages.report.mistakes import list_mistakes, mistakes_csv, order_mistakes
from cdiscount_tasks.pages.report.page import render_model_card, render_report
from cdiscount_tasks.reports.champion_figures import ChampionPast, show_champion_figures
from cdiscount_tasks.reports.drift import show_drift
from cdiscount_tasks.reports.evidence import read_evidence, read_nearest, read_small_pictures
from cdiscount_tasks.reports.judgement import read_judgement, show_judgement
from cdiscount_tasks.reports.looks import hash_looks
from cdiscount_tasks.reports.metrics import METRICS
from cdiscount_tasks.reports.search import show_search
from cdiscount_tasks.reports.seeds import measure_other_seeds
from cdiscount_tasks.reports.suspects import describe_audit, make_suspect_texts
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.audit import AuditTables, read_audit
from cdiscount_tasks.tables.labels import read_label_tables
from cdiscount_tasks.tables.predictions import PREDICTIONS, read_image_predictions, read_predictions
from cdiscount_tasks.vocabulary import CLASS_NAMES, TEST, VALIDATION

logger = logging.getLogger(__name__)

VERSION = 14


class ReportResult(TypedDict):
    """Where the report stands, and its headline."""

    path: str
    product_accuracy: float
    product_accuracy_low: float
    product_accuracy_high: float
    image_accuracy: float
    majority_baseline: float
    num_test_products: int
    num_test_images: int
    num_mistakes: int


@dataclass(frozen=True)
class _Inputs:
    """What the report is made from.

    Attributes:
        manifests: Of the input artifacts, by stage, in the order of the way.
        names: The folders' names of the input artifacts, by stage.
        classes: classes.parquet.
        products: A row per validation or test product: its prediction, the probability of the predicted class, and
            corrected_class_index, the class with human fixes applied (-1: taken out).
        top_classes: int, [num_products, up to 10], the most probable first.
        images: A row per validation or test image: its prediction.
        calibration: calibration.json.
        history: history.parquet.
        certificate: certificate.json.
        counts: counts.json.
        model_input: input.json.
        audit: What the audit of the labels found; None: there is none, in a run of an older version.
        profile: profile.json of the index.
    """

    manifests: dict[str, dict[str, Any]]
    names: dict[str, str]
    classes: pd.DataFrame
    products: pd.DataFrame
    top_classes: npt.NDArray[np.int64]
    images: pd.DataFrame
    calibration: Calibration
    history: pd.DataFrame
    certificate: dict[str, Any]
    counts: dict[str, Any]
    model_input: dict[str, Any]
    audit: AuditTables | None
    profile: dict[str, Any]
    judgement: dict[str, Any] | None

    @property
    def tested(self) -> pd.DataFrame:
        """Return the rows of the test products."""
        return self.products[self.products["split"] == TEST]


def _corrected(products: pd.DataFrame, labels: pd.DataFrame, classes: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return each product's class with human fixes applied; -1 where a fix took it out of learning."""
    class_of = dict(zip(classes["category_id"], classes["class_index"], strict=True))
    label = labels.set_index("product_id")["label"].reindex(products["product_id"])
    return label.map(class_of, na_action="ignore").fillna(-1).to_numpy(np.int64)


def _read_inputs(dirs: Mapping[str, Path]) -> _Inputs:
    labels_dir, model_dir, evaluation_dir = dirs["labels"], dirs["model"], dirs["evaluation"]
    manifests = {stage: read_manifest(path) for stage, path in dirs.items()}
    classes = parquet.read_table(labels_dir / "classes.parquet", schemas.CLASSES).to_pandas()
    products, top_classes = read_predictions(evaluation_dir, len(classes))
    labels = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS, ["product_id", "label"])
    products["corrected_class_index"] = _corrected(products, parquet.exact_frame(labels, "label"), classes)
    return _Inputs(
        manifests=manifests,
        names={stage: path.name for stage, path in dirs.items()},
        classes=classes,
        products=products,
        top_classes=top_classes,
        images=read_image_predictions(evaluation_dir, len(classes)),
        calibration=cast(Calibration, read_json(evaluation_dir / "calibration.json")),
        history=parquet.read_table(model_dir / "history.parquet", schemas.HISTORY).to_pandas(),
        certificate=read_json(labels_dir / "certificate.json"),
        counts=read_json(labels_dir / "counts.json"),
        model_input=read_json(model_dir / "input.json"),
        audit=read_audit(dirs["audit"]) if "audit" in dirs else None,
        profile=read_profile(dirs["index"]),
        judgement=read_judgement(dirs),
    )


def _measure(inputs: _Inputs, split: str) -> dict[str, Any]:
    of_split = (inputs.products["split"] == split).to_numpy()
    products, images = inputs.products[of_split], inputs.images[inputs.images["split"] == split]
    measured = measuring.measure_products(products, inputs.top_classes[of_split], inputs.classes)
    if split == TEST:
        measured["product"] |= measure_calibration(products, inputs.calibration)
        measured["product"]["joining"] = measuring.measure_joining(products, images)
    return {**measured, "image": measuring.measure_images(images)}


def _near_train(dirs: Mapping[str, Path], inputs: _Inputs) -> dict[str, int]:
    """Count the test products that look nearly like one of train, where not all of them are measured."""
    near = inputs.certificate.get("near_duplicates")
    if not near or near["mode"] == "group" or "num_left_out" not in inputs.manifests["evaluation"]["result"]:
        return {}
    looks = hash_looks(dirs, inputs.tested["product_id"])
    return {"num_near_train": count_near_duplicates(*looks, near["mode"])["num_test_products"]} if looks else {}


def _measure_all(dirs: Mapping[str, Path], inputs: _Inputs, config: RunConfig, no_features: str) -> dict[str, Any]:
    """Return what metrics.json holds."""
    test, validation = _measure(inputs, TEST), _measure(inputs, VALIDATION)
    for unit, ceiling in (("image", "value"), ("product", "product")):
        accuracy = test[unit]["accuracy"]
        test[unit]["ceiling"] = known_exactly(
            inputs.counts["ceiling"].get(ceiling), accuracy["n"], accuracy["num_groups"]
        )
    facts = ReportFacts(
        test={**test, "fewest_to_judge": measuring.FEWEST_TO_JUDGE, **_near_train(dirs, inputs)},
        validation=validation,
        classes=inputs.classes.to_dict("records"),
        certificate=inputs.certificate,
        counts=inputs.counts,
        model_input=inputs.model_input,
        audited=describe_audit(inputs.audit, inputs.tested, no_features),
        artifacts=inputs.names,
        manifests=inputs.manifests,
        config=config,
        profile=inputs.profile,
        judgement=inputs.judgement,
        other_seeds=measure_other_seeds(
            dirs, inputs.manifests, config.training.seed, inputs.tested, inputs.images[inputs.images["split"] == TEST]
        ),
    )
    return summarise(facts)


def _make_label_page(dirs: Mapping[str, Path], metrics: Mapping[str, Any], *, embed_pictures: bool) -> str:
    labels = read_label_tables(dirs["index"], dirs["sample"], dirs["labels"])
    choices = choose_all(**labels._asdict(), near_duplicates=metrics["split_certificate"].get("near_duplicates"))
    del labels  # the largest tables in memory, before pictures are looked for
    pictures, no_pictures = read_small_pictures(dirs["sample"], choices.pictures(), embed_pictures=embed_pictures)
    small = {key: make_thumbnail(picture) for key, picture in pictures.items() if picture is not None}
    return render_label_page(metrics, choices, small, no_pictures)


def _make_texts(
    dirs: Mapping[str, Path],
    inputs: _Inputs,
    metrics: dict[str, Any],
    config: RunConfig,
    no_features: str,
    champion_sample_dir: Path | None,
    past: ChampionPast | None,
) -> dict[str, str]:
    """Return the pages, the lists and the model card, by the names of their files."""
    embed_pictures = config.sample.embed_pictures
    choices = choose_shown(inputs.tested)
    evidence = read_evidence(dirs, choices, config.training.network, no_features, embed_pictures=embed_pictures)
    nearest = read_nearest(dirs, (wrong := order_mistakes(inputs.tested))["product_id"].tolist(), evidence.twins)
    mistakes = list_mistakes(wrong, metrics["classes"], nearest)
    suspects = make_suspect_texts(dirs, inputs.audit, inputs.classes, metrics, embed_pictures=embed_pictures)
    usable = str(dirs["model"].absolute()) if (dirs["model"] / CLASS_NAMES).exists() else None
    return {
        "report.html": render_report(
            metrics,
            inputs.history,
            show_galleries(choices, evidence),
            suspects.shown,
            mistakes,
            show_judgement(dirs, embed_pictures=embed_pictures),
            show_drift(dirs, champion_sample_dir, embed_pictures=embed_pictures),
            show_champion_figures(past),
            show_search(dirs),
        ),
        "mistakes.csv": mistakes_csv(mistakes, metrics["classes"]),
        "labels.html": _make_label_page(dirs, metrics, embed_pictures=embed_pictures),
        "MODEL_CARD.md": render_model_card(metrics, usable),
        **suspects.files,
    }


def _headline(test: Mapping[str, Any], num_mistakes: int) -> dict[str, Any]:
    accuracy = test["product"]["accuracy"]
    return {
        "product_accuracy": accuracy["value"],
        "product_accuracy_low": accuracy["low"],
        "product_accuracy_high": accuracy["high"],
        "image_accuracy": test["image"]["accuracy"]["value"],
        "majority_baseline": test["baseline"]["majority"]["value"],
        "num_test_products": accuracy["n"],
        "num_test_images": test["image"]["accuracy"]["n"],
        "num_mistakes": num_mistakes,
    }


def report_recipe(dirs: Mapping[str, Path], config: RunConfig) -> Recipe:
    """Return what decides a report: its input artifacts by stage, and the run's config."""
    return Recipe(
        stage="report",
        version=VERSION,
        config=config.model_dump(mode="json", exclude={"began_on"}),
        inputs=dirs,
        libraries=versions("jinja2", "matplotlib", "numpy", "pandas", "pillow", "scipy"),
    )


def write_report(
    dirs: Mapping[str, Path],
    out_dir: Path,
    config: RunConfig,
    no_features: str = "the run has no features",
    champion_sample_dir: Path | None = None,
    past: ChampionPast | None = None,
) -> ReportResult:
    """Write a run's report. A report of the same run that exists is replaced.

    Args:
        dirs: Finished artifacts: index, sample (the pictures come from here), labels, model (not opened), evaluation;
            features, audit, search, seeds, drift and judgement where the run has them.
        out_dir: `<reports>/<sample>/<run folder>`.
        config: The run's frozen config.
        no_features: Why there are no features, as a sentence without its stop.
        champion_sample_dir: The pictures that the champion learnt from, where drift was looked for.
        past: The judgements of the champion that the run was judged against; None: there was none.

    Returns:
        The path and the headline.

    Raises:
        DataError: If an input artifact is missing or its figures are damaged, or it holds no test product. Pictures and
            features that cannot be read are reported on the page instead.
    """
    inputs = _read_inputs(dirs)
    if (tested := inputs.tested).empty:
        raise DataError(f"{dirs['evaluation']}: holds no prediction for a test product; remove it and run again")

    def write(part_dir: Path) -> Made:
        metrics = _measure_all(dirs, inputs, config, no_features)
        write_json(part_dir / METRICS, metrics, indent_of(metrics))
        write_classes(part_dir / "classes.csv", metrics)
        shutil.copyfile(dirs["evaluation"] / PREDICTIONS, part_dir / PREDICTIONS)
        for name, text in _make_texts(dirs, inputs, metrics, config, no_features, champion_sample_dir, past).items():
            (part_dir / name).write_text(text, encoding="utf-8", newline="")
        num_mistakes = int((tested["class_index"] != tested["predicted"]).sum())
        return Made(_headline(metrics["test"], num_mistakes))

    return make_page(ReportResult, report_recipe(dirs, config), out_dir, write)
