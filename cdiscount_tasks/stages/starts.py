"""What a training begins with: nothing, ImageNet weights with their features, or the champion's weights."""

from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.weights import PUBLISHED
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import Pretrained, PreviousModel
from cdiscount_tasks.tables.judged_products import category_ids_of

Start = Pretrained | PreviousModel | None
"""What a training begins with; None: from scratch."""


def starts_from(start: Start) -> Path | None:
    """Return the artifact that decides what a training begins with."""
    return start.model_dir if isinstance(start, PreviousModel) else start.features_dir if start else None


def origin_of(config: TrainingConfig, start: Start) -> dict[str, Any] | None:
    """Return whose weights a model began with."""
    if start is None:
        return None
    if isinstance(start, PreviousModel):
        path = start.model_dir / "model.keras"
        facts = {"trained_on": "champion", "run_id": start.run_id, "decision": start.decision}
        return {**facts, "xxh3_128": hash_file(path), "began_with": read_json(path.with_name("input.json"))["weights"]}
    published = PUBLISHED[config.network]
    return {
        "trained_on": "ImageNet",
        "file": start.weights_path.name,
        "xxh3_128": hash_file(start.weights_path),
        "source": published.source,
        "licence": published.licence,
    }


def _check_previous(start: PreviousModel, labels_dir: Path) -> None:
    """Refuse a champion that is damaged, or of other categories: its outputs would mean other classes."""
    verify_artifact(start.model_dir)
    known, wanted = category_ids_of(start.model_dir), category_ids_of(labels_dir)
    if known != wanted:
        new, gone = len(set(wanted) - set(known)), len(set(known) - set(wanted))
        raise DataError(
            f"{start.model_dir}: the champion (decision {start.decision}) knows other categories than {labels_dir} has "
            f"({new} are new, {gone} are gone), so that its weights cannot be learnt on from; set weights: none or "
            "imagenet"
        )


def _check_pretrained(pretrained: Pretrained, sample_dir: Path, labels_dir: Path, config: TrainingConfig) -> None:
    """Refuse features of other pictures or weights: a head learnt on them fits another network than it is put on."""
    manifest = read_manifest(pretrained.features_dir)
    found = {**manifest["config"], **manifest["inputs"], "weights": manifest["result"]["weights_xxh3_128"]}
    wanted = {
        **{knob: getattr(config, knob) for knob in manifest["config"]},
        **{name: read_manifest(path)["identity"] for name, path in (("sample", sample_dir), ("labels", labels_dir))},
        "weights": hash_file(pretrained.weights_path),
    }
    others = [name for name in wanted if found.get(name) != wanted[name]]
    if others:
        raise DataError(
            f"{pretrained.features_dir}: was extracted with another {', '.join(others)} than this training has (its "
            f"weights: {pretrained.weights_path}); clear the task extract_features and run on from there"
        )


def check_start(start: Start, sample_dir: Path, labels_dir: Path, config: TrainingConfig) -> None:
    """Refuse a start that is not what the config wants, or does not fit these pictures and classes."""
    kind = {PreviousModel: "champion", Pretrained: "imagenet"}[type(start)] if start else "none"
    if config.weights != kind:
        raise ValueError(f"weights is {config.weights!r} and start is {start}: one goes with the other")
    if isinstance(start, PreviousModel):
        _check_previous(start, labels_dir)
    elif start is not None:
        _check_pretrained(start, sample_dir, labels_dir, config)
