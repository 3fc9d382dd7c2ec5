"""Report folders as `write_report` leaves them, with as much in them as the index reads."""

import json
import os
from datetime import UTC, datetime

import numpy as np

from cdiscount_tasks.artifacts.hashes import hash_file, hash_json
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.manifest import MANIFEST
from cdiscount_tasks.artifacts.publish import Made, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.tables import parquet, schemas


def write_predictions(path, right, first_id=100, first_class=0):
    """Write a validation product, and test products of two classes that are judged as told, two to a group."""
    num = len(right) + 1
    class_index = (np.arange(num) + first_class) % 2
    rights = np.array([True, *right])
    predicted = np.where(rights, class_index, 1 - class_index)
    product_id = np.arange(num) + first_id
    columns = {
        "product_id": product_id,
        "split": ["validation", *["test"] * len(right)],
        "group_id": product_id - product_id % 2,
        "class_index": class_index,
        "predicted": predicted,
        "num_images": np.ones(num, np.int8),
        "conflicted": np.zeros(num, bool),
        "probabilities": [[0.9, 0.1] if one == 0 else [0.1, 0.9] for one in predicted],
        "probability_of_label": np.where(rights, 0.9, 0.1),
        **{name: np.full(num, 0.5) for name in ("squared_error", "confidence", "confidence_in_label")},
    }
    parquet.write_table(path, columns, schemas.prediction_schema(2, by_image=False))


def finish_at(artifact_dir, at):
    """Let an artifact have been finished at a time, in seconds since 1970: by its manifest, and by its files."""
    path = artifact_dir / MANIFEST
    manifest = {**read_json(path), "finished_at": datetime.fromtimestamp(at, UTC).isoformat(), "self_hash": None}
    write_json(path, {**manifest, "self_hash": hash_json(manifest)})
    for file in artifact_dir.iterdir():
        os.utime(file, (at, at))


def write_finished(
    reports_dir,
    folder="a",
    sample="wine",
    right=(True, True, False, True),
    at=1_790_000_000,
    first_id=100,
    first_class=0,
    title="Wine",
    **changed,
):
    """Write a finished report; `changed` replaces parts of its metrics.json. Returns its folder."""
    out_dir = reports_dir / sample / folder
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    share = float(np.mean(right))

    def write(part_dir):
        write_predictions(part_dir / "predictions.parquet", right, first_id, first_class)
        figure = {
            "value": share,
            "low": max(0.0, share - 0.1),
            "high": min(1.0, share + 0.1),
            "n": len(right),
            "num_groups": 2,
        }
        metrics = {
            "schema_version": 1,
            "sample": {"name": sample, "title": title, "description": ""},
            "run_id": f"manual__{folder}",
            "preset": "smoke",
            "catalogue": {"origin": "file", "catalogue_id": "c0ffee"},
            "verdict": {"above_baseline": True, "certified": True, "champion": None},
            "test": {"product": {"accuracy": figure}, "baseline": {"majority": {**figure, "value": 0.5}}},
            "durations_s": {"total": 312.0},
            "lineage": {
                "overrides": {},
                "seeds": {"training": 0},
                "artifacts": {stage: {"name": f"{stage}-{folder}"} for stage in ("labels", "features", "model")},
                "files": {"predictions.parquet": hash_file(part_dir / "predictions.parquet")},
            },
            **changed,
        }
        write_json(part_dir / "metrics.json", metrics)
        (part_dir / "report.html").write_text('<div class="page"><p>report</p></div>', encoding="utf-8")
        return Made({})

    rebuild_artifact(out_dir, Recipe("report", 1, {"folder": folder}), write)
    finish_at(out_dir, at)
    return out_dir


def change_metrics(out_dir, change):
    """Change a finished report's metrics.json in place, keeping its length: its manifest does not tell."""
    path = out_dir / "metrics.json"
    at, text = path.stat().st_mtime, path.read_text("utf-8")
    changed = json.dumps(change(json.loads(text)), sort_keys=True)
    assert len(changed) <= len(text)
    path.write_text(changed.ljust(len(text)), encoding="utf-8")
    os.utime(path, (at, at))
