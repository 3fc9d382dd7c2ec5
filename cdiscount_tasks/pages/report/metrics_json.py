"""What metrics.json holds, put together from measured figures, counts, manifests and the config."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdiscount_tasks.learning.measuring.choices import RANDOM_SEED
from cdiscount_tasks.learning.measuring.confusion import MAX_CLASSES_IN_MATRIX
from cdiscount_tasks.pages.report.resources import account
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.training import knobs_of
from cdiscount_tasks.vocabulary import METRICS_VERSION, SPLITS

_CATALOGUE_FACTS = (
    "catalogue_id",
    "origin",
    "num_documents",
    "num_products",
    "num_images",
    "num_rejected_documents",
    "num_rejected_images",
    "num_without_category",
)
_MODEL_FACTS = (
    "num_parameters",
    "best_epoch",
    "num_epochs",
    "num_train_images",
    "num_classes_predicted",
    "num_resumes",
    "images_per_s",
    "device",
    "device_memory_gib",
    "precision",
    "gpu_busy_share",
    "gpu_memory_peak_gib",
    "input_wait_share",
)
_ARTIFACT_FACTS = ("key", "identity", "version", "libraries")
_MOST_SIZES = 3
_HASHED_FILES = (("model", "model.keras"), ("evaluation", "predictions.parquet"))


def describe_classes(rows: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Return the classes as metrics.json lists them, from the rows of classes.parquet."""
    return [
        {
            **{name: row[name] for name in ("class_index", "category_id", "level1", "level2", "level3")},
            "num_products": {split: row[f"num_products_{split}"] for split in SPLITS},
            "num_images": {split: row[f"num_images_{split}"] for split in SPLITS},
        }
        for row in rows
    ]


def _overrides(config: RunConfig) -> dict[str, Any]:
    """Return the knobs that a run set on top of its preset."""
    preset = config.sample.presets[config.preset]
    own, searched = knobs_of(preset), preset.search.knobs if preset.search else ()
    return {
        knob: value for knob, value in knobs_of(config.training).items() if value != own[knob] and knob not in searched
    }


def _command(config: RunConfig) -> str:
    """Return the command that makes a run again."""
    overrides = _overrides(config)
    given = f" CONF={shlex.quote(json.dumps(overrides))}" if overrides else ""
    return f"make run SAMPLE={config.sample.name} PRESET={config.preset}{given}"


def _lineage(artifacts: Mapping[str, str], manifests: Mapping[str, Any], config: RunConfig) -> dict[str, Any]:
    return {
        "command": _command(config),
        "config": config.model_dump(mode="json"),
        "overrides": _overrides(config),
        "versions": config.versions,
        "seeds": {
            "draw_and_split": config.sample.seed,
            "training": config.training.seed,
            "random_gallery": RANDOM_SEED,
        },
        "artifacts": {
            stage: {"name": artifacts[stage], **{fact: manifest[fact] for fact in _ARTIFACT_FACTS}}
            for stage, manifest in manifests.items()
        },
        "weights": manifests.get("features", {}).get("result", {}).get("weights_xxh3_128"),
        "files": {name: manifests[stage]["files"][name]["xxh3_128"] for stage, name in _HASHED_FILES},
    }


def _picture_sizes(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the commonest sizes of the catalogue's pictures; none where an older index does not tell."""
    pixels = profile.get("pixels", {"num_sizes": 0, "commonest": []})
    commonest = pixels["commonest"][:_MOST_SIZES]
    return {"commonest": commonest, "num_further": pixels["num_sizes"] - len(commonest)}


def _verdict(
    test: Mapping[str, Any], certificate: Mapping[str, Any], judgement: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Judge the gates: the whole interval above the baselines, and no picture in two splits.

    A fixed split may leave the class that is largest in train out of test, where always answering it is worth nothing:
    the model must be better than always answering the class that is largest in test, too.
    """
    low = test["product"]["accuracy"]["low"]
    baselines = [test["baseline"][name]["value"] for name in ("majority", "largest_in_test")]
    return {
        "above_baseline": low is not None and None not in baselines and low > max(baselines),
        "certified": not any(
            certificate[name] for name in ("shared_content_hashes", "shared_pixel_hashes", "num_straddling_groups")
        ),
        "champion": judgement and {name: judgement[name] for name in ("verdict", "promotes")},
    }


@dataclass(frozen=True)
class ReportFacts:
    """What metrics.json is made from.

    Attributes:
        test: The figures on test: product, image, baseline.
        validation: The same on validation.
        classes: The rows of classes.parquet.
        certificate: certificate.json.
        counts: counts.json.
        model_input: The model's input.json.
        audited: What the audit of the labels found: leak, suspects.
        artifacts: The names of the artifacts' folders by stage.
        manifests: Of the artifacts, by stage, in the order of the way.
        config: The run's.
        profile: profile.json of the index.
        judgement: judgement.json; None: the run was not judged.
        other_seeds: How far other seeds move the accuracy; None: the run was trained with one.
    """

    test: Mapping[str, Any]
    validation: Mapping[str, Any]
    classes: Sequence[Mapping[Any, Any]]
    certificate: Mapping[str, Any]
    counts: Mapping[str, Any]
    model_input: Mapping[str, Any]
    audited: Mapping[str, Any]
    artifacts: Mapping[str, str]
    manifests: Mapping[str, Any]
    config: RunConfig
    profile: Mapping[str, Any]
    judgement: Mapping[str, Any] | None = None
    other_seeds: Mapping[str, Any] | None = None


def _model(manifests: Mapping[str, Any], model_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of the training; `stopped` only where somebody stopped it.

    `num_left_out` only where it began with a champion that knew products of validation or test.
    """
    result, left_out = manifests["model"]["result"], manifests["evaluation"]["result"].get("num_left_out")
    figures = {**{fact: result.get(fact) for fact in _MODEL_FACTS}, "input": model_input}
    if "stopped_after_epoch" in result:
        figures["stopped"] = {"after_epoch": result["stopped_after_epoch"], "of": result["num_epochs_planned"]}
    return figures if left_out is None else {**figures, "num_left_out": left_out}


def indent_of(metrics: Mapping[str, Any]) -> int | None:
    """Return how metrics.json is indented: of thousands of classes not at all, 3 of 7 MB would be spaces."""
    return None if len(metrics["classes"]) > MAX_CLASSES_IN_MATRIX else 2


def summarise(facts: ReportFacts) -> dict[str, Any]:
    """Put together what metrics.json holds: the same facts give the same bytes."""
    config, manifests, validation = facts.config, facts.manifests, facts.validation
    index = manifests["index"]["result"]
    durations_s = {stage: manifest["duration_s"] for stage, manifest in manifests.items()}
    return {
        "schema_version": METRICS_VERSION,
        "sample": config.sample.model_dump(include={"name", "title", "description"}),
        "run_id": config.run_id,
        "preset": config.preset,
        "catalogue": {
            **{fact: index.get(fact) for fact in _CATALOGUE_FACTS},
            "picture_sizes": _picture_sizes(facts.profile),
        },
        "classes": describe_classes(facts.classes),
        "verdict": _verdict(facts.test, facts.certificate, facts.judgement),
        "test": facts.test,
        "validation": {
            "product": {name: validation["product"][name] for name in ("accuracy", "macro_f1", "log_loss")},
            "image": validation["image"],
        },
        "split_certificate": facts.certificate,
        "labels": facts.counts,
        **facts.audited,
        "champion": facts.judgement,
        "model": _model(manifests, facts.model_input),
        **({} if facts.other_seeds is None else {"other_seeds": facts.other_seeds}),
        "resources": account(manifests, config.prices),
        "durations_s": {**durations_s, "total": round(sum(durations_s.values()), 3)},
        "lineage": _lineage(facts.artifacts, manifests, config),
    }
