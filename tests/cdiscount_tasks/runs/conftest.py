"""A sample and its folders, and finished runs of two samples as far as those look that choose among runs."""

from types import SimpleNamespace

import pytest
import yaml

from cdiscount_tasks.artifacts.publish import Made, build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs import promotion, registry, replay
from cdiscount_tasks.runs.decisions import last_promotion
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.stages.replay import Replayed
from tests.material.colours_sample import SETTINGS, Place
from tests.material.data_roots import DataRoot
from tests.material.finished_reports import finish_at
from tests.material.registry_models import environment_in, environment_in_bucket, judged_as, make_candidate
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
    return Place(tmp_path, tiny_path).use(monkeypatch)


@pytest.fixture
def runs(place):
    return Runs(place)


class Promoted:
    """A registry of wine, into which runs with models of a few bytes are promoted."""

    def __init__(self, environment):
        self.environment = environment
        self.folder = registry.registry_dir("wine", self.environment)

    def __call__(self, run_id, decline_after=False, reason="", **facts):
        candidate = make_candidate(self.environment, run_id)
        now = last_promotion(registry.history("wine", self.environment)) if "expected" not in facts else None
        wanted = {"expected": now.number if now else None, "who": "rule", "reason": reason, **facts}
        entry = promotion.promote(candidate, judged_as(), environment=self.environment, **wanted)
        if decline_after:
            other = make_candidate(self.environment, f"not {run_id}")
            promotion.decline(
                other, judged_as("worse"), environment=self.environment, **{**wanted, "expected": entry.number}
            )
        return entry


@pytest.fixture
def promoted(request, tmp_path, monkeypatch):
    """Return what promotes a run; no network is loaded for it. `IN_BOTH` makes a test that of a bucket as well."""
    if getattr(request, "param", "disk") == "bucket":
        return request.getfixturevalue("promoted_in_bucket")
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    return Promoted(environment_in(tmp_path))


@pytest.fixture
def promoted_in_bucket(tmp_path, monkeypatch, bucket):
    """Return the same where the data root is in a bucket."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    return Promoted(environment_in_bucket(tmp_path, f"{bucket}/data"))


@pytest.fixture
def no_network(place, monkeypatch):
    """Let models be promoted that no network could load."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    return place


@pytest.fixture
def root(tmp_path):
    """Return an empty data root, to be filled with runs of tiny artifacts."""
    return DataRoot(tmp_path)


@pytest.fixture
def two_runs(root):
    """Return a root with an older and a newer finished run, and their artifacts."""
    return SimpleNamespace(root=root, old=root.run("old", 90), new=root.run("new", 30))
