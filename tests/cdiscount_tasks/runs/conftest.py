"""A sample and its folders, and finished runs of two samples as far as those look that choose among runs."""

import pytest
import yaml

from cdiscount_tasks.artifacts.publish import Made, build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs.start import start_run
from tests.material.colours_sample import SETTINGS, Place
from tests.material.finished_reports import finish_at
from tests.material.tiny_catalogue import BLUE, YELLOW

FIRST_S = 1_790_000_000


class Runs:
    """Two samples of one catalogue, and runs of them that are finished as far as a comparison looks."""

    def __init__(self, place):
        self.place = place
        other = {**SETTINGS, "name": "lights", "title": "Lights", "categories": [BLUE, YELLOW]}
        (place.samples_dir / "lights.yaml").write_text(yaml.safe_dump(other))
        self.number = 0

    def finish(self, sample, run_id, preset="smoke", catalogue_id="c0ffee", **overrides):
        self.number += 1
        run = start_run(sample, run_id, preset, overrides)
        for stage in ("index", "sample", "labels", "evaluation"):
            recipe = Recipe(stage, 1, {"run": run_id}, {}, {}, {})
            made = Made({"catalogue_id": catalogue_id})
            run.record(stage, build_artifact(recipe.dir_in(run.artifacts_dir), recipe, lambda _, made=made: made))
        run.report_dir.parent.mkdir(parents=True, exist_ok=True)
        run.record("report", rebuild_artifact(run.report_dir, Recipe("report", 1, {}, {}, {}, {}), lambda _: Made({})))
        at = FIRST_S + self.number
        finish_at(run.report_dir, at)
        return run


@pytest.fixture
def place(tmp_path, tiny_path, monkeypatch):
    made = Place(tmp_path, tiny_path)
    for name, path in (
        ("CATALOGUE", tiny_path), ("CATEGORY_NAMES", tmp_path / "names.csv"), ("DATA", made.data_dir),
        ("SAMPLES", made.samples_dir), ("REPORTS", tmp_path / "reports"), ("LABEL_FIXES", made.fixes_dir),
    ):  # fmt: skip
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(path))
    monkeypatch.delenv("CDISCOUNT_MAX_REJECTED_SHARE", raising=False)
    return made


@pytest.fixture
def runs(place):
    return Runs(place)
