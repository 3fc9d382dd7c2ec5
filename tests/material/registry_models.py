"""Candidates for a registry, whose models are whole artifacts of a few bytes that no network could load."""

from dataclasses import replace
from pathlib import Path

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs.decisions import Candidate, Difference, Judged
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import mirror_of
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import SPLITS

CATEGORIES = (1000000011, 1000000022)
CONTRACT = {"image_size": 32, "channels": 3, "dtype": "uint8", "resize": "some rule", "weights": None}


def environment_in(root):
    """Return an environment whose data and reports are in a folder; its catalogue is not the demo's."""
    return replace(
        read_environment({}),
        data_dir=root / "data",
        reports_dir=root / "reports",
        catalogue_path=root / "catalogue.bson",
        uses_demo_catalogue=False,
    )


def environment_in_bucket(root, url):
    """Return the same on a machine, whose folder is given, that mirrors a data root in a bucket."""
    data_dir = mirror_of(root, url)
    data_dir.mkdir(parents=True, exist_ok=True)
    return replace(environment_in(root), data_dir=data_dir, data_url=url)


def write_model(artifacts_dir, name, categories=CATEGORIES):
    """Write a model artifact; returns its folder."""

    def write(part_dir):
        (part_dir / "model.keras").write_text(f"the weights of {name}")
        write_json(part_dir / "input.json", CONTRACT)
        names = {f"level{level}": [f"{one} at {level}" for one in categories] for level in (1, 2, 3)}
        counts = {f"num_{what}_{split}": [1] * len(categories) for what in ("products", "images") for split in SPLITS}
        rows = {"class_index": list(range(len(categories))), "category_id": list(categories), **names, **counts}
        parquet.write_table(part_dir / "classes.parquet", rows, schemas.CLASSES)
        return Made({})

    artifacts_dir.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("model", 1, {"name": name})
    return Path(build_artifact(recipe.dir_in(artifacts_dir), recipe, write)["path"])


def make_candidate(environment, run_id, sample_name="wine", categories=CATEGORIES):
    """Return a candidate with a model that is there; of its evaluation, labels and sample there are the paths alone."""
    model_dir = write_model(environment.work_dir / "samples" / sample_name, run_id, categories)
    beside = Path("samples") / sample_name
    return Candidate(
        sample_name=sample_name,
        run_id=run_id,
        preset="smoke",
        model=str(model_dir.relative_to(environment.work_dir)),
        report=f"{sample_name}/{run_id}",
        origin="file",
        accuracy=0.75,
        **{name: str(beside / f"{name}-{run_id}") for name in ("evaluation", "labels", "sample")},
    )


def judged_as(verdict="better", **facts):
    """Return what a judgement says."""
    return Judged(
        verdict=verdict,
        judgement="samples/wine/judgement-0123456789abcdef",
        judgement_hash="0f" * 16,
        difference=Difference(value=0.021, low=0.004, high=0.038),
        **{"level": 0.03, "look": 1, "num_products": 1190, "num_groups": 700, "smallest_gain": 0.046, **facts},
    )
