"""Runs of the sample `colours` up to their judgement, with models whose answers are made up."""

from pathlib import Path

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs import deciding, judging, registry
from cdiscount_tasks.runs.start import start_run
from tests.material.judged_models import KNOWN, make_products, write_judged, write_labels, wrong_in

PRODUCTS = make_products()
SAMPLE = "colours"


def _write(parent, stage, name, **result):
    parent.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(stage, 1, {"name": name})
    return build_artifact(recipe.dir_in(parent), recipe, lambda _: Made(result))


def judged_run(run_id, wrong_share, offset=0, products=PRODUCTS, model=None, origin="file", categories=KNOWN):
    """Begin a run and record its artifacts up to the evaluation.

    Args:
        run_id: Airflow's.
        wrong_share: Of the groups of validation, and of test, about which its model is wrong.
        offset: Of the first of these groups.
        products: Of its labels.
        model: What names its model; None: the run's id.
        origin: Of its catalogue.
        categories: That its model knows.
    """
    run = start_run(SAMPLE, run_id, "smoke", {})
    parent, named = run.artifacts_dir, f"{len(products)} of {categories}"
    labels_dir = write_labels(parent, products, named, categories)
    wrong = wrong_in(products, wrong_share, offset)
    made = write_judged(parent, products, model or run_id, wrong, labels_dir, categories)
    run.record("index", _write(run.index_parent_dir, "index", origin, origin=origin, catalogue_id="c0ffee"))
    run.record("sample", _write(parent, "sample", named))
    tested = products[products["split"] == "test"]
    accuracy = 1 - float(tested["product_id"].isin(wrong).mean())
    for step, folder in (("labels", labels_dir), ("model", made.model_dir), ("evaluation", made.evaluation_dir)):
        run.record(step, {"path": str(folder), "test_product_accuracy": accuracy})
    return run


def judge(run):
    """Judge a run, and note it as its task does; returns the result."""
    return run.record("judgement", judging.judge_run(run, run.folders()))


def judge_and_decide(run):
    """Judge a run and decide; returns the decision."""
    judge(run)
    return deciding.decide(run)


def entries(run):
    return registry.history(SAMPLE, run.environment)


def judgement_dir(run):
    return Path(run.folders()["judgement"])
