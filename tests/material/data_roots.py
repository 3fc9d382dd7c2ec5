"""A data root with runs of tiny artifacts, made without a catalogue, a training or a network."""

import os
import time
from dataclasses import replace
from pathlib import Path

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.notes import note_result
from cdiscount_tasks.artifacts.publish import Made, build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs.clean_up import clean_up, plan_clean_up
from cdiscount_tasks.runs.decisions import Candidate
from cdiscount_tasks.runs.folders import run_folder
from tests.material.finished_reports import finish_at, write_finished
from tests.material.registry_models import environment_in, write_model

DAY_S = 24 * 3600
NUM_BYTES = 1000


def set_age(folder, days):
    """Let a folder and all that is in it have been written so many days ago."""
    at = time.time() - days * DAY_S
    for parent, _, files in os.walk(folder):
        for name in files:
            os.utime(Path(parent, name), (at, at))
        os.utime(parent, (at, at))


class DataRoot:
    """A data root; its runs share an index and a sample, and have labels, features, model, evaluation of their own."""

    def __init__(self, root, **settings):
        settings = {"label_fixes_dir": root / "fixes", "samples_dir": root / "yaml", **settings}
        self.environment = replace(environment_in(root), **settings)
        self.path = self.environment.work_dir
        self.path.mkdir(parents=True)
        self.environment.catalogue_path.write_bytes(b"a catalogue that no run has used")
        self.index = self.artifact("catalogues/0123456789abcdef", "index", "catalogue", days=300)

    def artifact(self, folder, noun, name, inputs=(), days=100):
        """Make an artifact of NUM_BYTES bytes; returns its folder."""
        parent = self.path / folder
        parent.mkdir(parents=True, exist_ok=True)
        recipe = Recipe(noun, 1, {"name": name}, {path.name.split("-")[0]: path for path in inputs})

        def write(part_dir):
            (part_dir / "rows.bin").write_bytes(b"x" * NUM_BYTES)
            return Made({})

        made = Path(build_artifact(recipe.dir_in(parent), recipe, write)["path"])
        set_age(made, days)
        return made

    def run_dir(self, run_id, sample="wine"):
        """Return the folder of a run."""
        return self.path / "samples" / sample / "runs" / run_folder(run_id)

    def run(self, run_id, days, sample="wine", finished=True, **more):
        """Make a run that ended so many days ago; returns its artifacts by step, those of `more` among them."""
        folder = f"samples/{sample}"
        at = {"index": self.index, "sample": self.artifact(folder, "sample", "drawn", [self.index])}
        at["labels"] = self.artifact(folder, "labels", run_id, [at["sample"]])
        at["features"] = self.artifact(folder, "features", run_id, [at["sample"], at["labels"]])
        at["model"] = write_model(self.path / folder, run_id)
        at["evaluation"] = self.artifact(folder, "evaluation", run_id, [at["labels"], at["model"]])
        at |= more
        run_dir = self.run_dir(run_id, sample)
        run_dir.mkdir(parents=True)
        write_json(run_dir / "config.json", {"run_id": run_id})
        for step, path in at.items():
            note_result(run_dir, self.path, step, {"path": str(path)})
        set_age(run_dir, days)
        if finished:
            reports_dir = self.environment.reports_dir
            write_finished(reports_dir, run_dir.name, sample, at=time.time() - days * DAY_S, run_id=run_id)
        return at

    def predictions_dir(self, run_id):
        """Return the folder of a predictions run."""
        return self.path / "predictions" / "runs" / run_folder(run_id)

    def predictions(self, run_id, days, asked, sample="wine", finished=True):
        """Ask a run's model about a catalogue, so many days ago; returns the artifacts of the predictions run by step.

        Args:
            run_id: Of the predictions run.
            days: Since its last change.
            asked: Artifacts of the run whose model is asked, as `run` returns them.
            sample: Of that run.
            finished: Whether it has a page.
        """
        folder, index = f"predictions/{sample}", self.artifact("catalogues/00000000000000ff", "index", "new file")
        inputs = [index, *(asked[step] for step in ("model", "evaluation", "labels"))]
        at = {"index": index}
        at |= {f"answers-{start}": self.artifact(folder, "answers", f"{run_id} {start}", inputs) for start in (0, 64)}
        at["predictions"] = self.artifact(folder, "predictions", run_id, inputs)
        run_dir = self.predictions_dir(run_id)
        run_dir.mkdir(parents=True)
        parts = {step: str(asked[step].relative_to(self.path)) for step in ("model", "evaluation", "labels", "sample")}
        config = {"run_id": run_id, "sample": sample, "asked": parts, "catalogue_fingerprint": index.parent.name}
        write_json(run_dir / "config.json", config)
        for step, path in at.items():
            note_result(run_dir, self.path, step, {"path": str(path)})
        set_age(run_dir, days)
        if finished:
            page_dir = self.environment.reports_dir / "predictions" / sample / run_dir.name
            page_dir.parent.mkdir(parents=True, exist_ok=True)
            recipe = Recipe("predictions_page", 1, {"sample": sample}, {"predictions": at["predictions"]})
            rebuild_artifact(page_dir, recipe, self._write_page)
            finish_at(page_dir, time.time() - days * DAY_S)
        return at

    @staticmethod
    def _write_page(part_dir):
        (part_dir / "predictions.html").write_text("a page")
        return Made({})

    def candidate(self, run_id, at, sample="wine"):
        """Return what a run of this root offers for promotion."""
        parts = {step: str(at[step].relative_to(self.path)) for step in ("model", "evaluation", "labels", "sample")}
        report = f"{sample}/{run_folder(run_id)}"
        return Candidate(
            sample_name=sample, run_id=run_id, preset="smoke", report=report, origin="file", accuracy=0.75, **parts
        )


def names(items):
    """Return the names of what a plan or a clean-up lists."""
    return {item.path.name for item in items}


def removed_by(root, keep_runs=None):
    """Clean up; returns the names of what was removed."""
    return names(clean_up(plan_clean_up(root.environment, keep_runs)).removed)
