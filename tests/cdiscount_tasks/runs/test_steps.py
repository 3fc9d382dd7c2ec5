import ast

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import ConfigError, StepLeftOut
from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.runs import changes, finished, steps
from cdiscount_tasks.settings.environment import PROJECT_DIR, read_environment
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import HISTORY
from tests.cdiscount_tasks.runs.test_changes import Finished
from tests.material.whole_runs import begin_run, finish_run
from tools.demo import results

DAG_FILE = PROJECT_DIR / "dags" / "category_samples.py"


def steps_of_the_dag():
    """Return the steps that the tasks of the DAG file make, by name; the task group's last one makes the index."""
    names = set()
    for node in ast.walk(ast.parse(DAG_FILE.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "make":
                names |= {part.value for part in node.args if isinstance(part, ast.Constant)}
            if node.func.id == "index_catalogue":
                names.add("index")  # by `index_steps.merge`
    return names


def plan_portrait(run, at):
    recipe = Recipe("portrait", 1, {}, {"labels": at["labels"]}, {}, {})

    def make():
        return build_artifact(
            recipe.dir_in(run.artifacts_dir),
            recipe,
            lambda part: Made({"size": (part / "portrait.txt").write_text("face")}),
        )

    return steps.Plan(lambda: recipe, make)


PORTRAIT = steps.Step("portrait", ("labels",), plan_portrait, lambda result: f"{result['size']} letters")


@pytest.fixture
def colours(tmp_path, monkeypatch, tiny_path):
    Finished(tmp_path, tiny_path).use(monkeypatch)


@pytest.fixture
def with_portrait(monkeypatch):
    """Add a made-up step in the one place where steps are."""
    place = [step.name for step in steps.STEPS].index("labels") + 1
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS[:place], PORTRAIT, *steps.STEPS[place:]))


def test_every_step_is_made_by_a_task_of_the_dag():
    assert steps_of_the_dag() == {step.name for step in steps.STEPS}


def test_every_input_of_a_step_is_made_before_it():
    made = set()
    for step in steps.STEPS:
        assert set(step.inputs) <= made
        made.add(step.name)


@pytest.mark.training
def test_a_made_up_step_is_seen_wherever_the_way_is_walked(colours, with_portrait):
    run = finish_run("colours", "r1")

    assert (run.folders()["portrait"] / "portrait.txt").read_text() == "face"
    assert "portrait" in read_manifest(run.report_dir)["inputs"]
    assert "portrait" not in steps_of_the_dag()  # the DAG's own test would say so
    assert changes.find_change(begin_run("colours", "r2"), run) is None
    assert results.reused_stages(run) == []
    assert [one.config.run_id for one in finished.iter_finished_runs(read_environment(), "colours")] == ["r1"]


@pytest.mark.training
def test_a_finished_run_without_a_step_that_is_new_is_made_again(colours, monkeypatch):
    run = finish_run("colours", "r1")
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS[:3], PORTRAIT, *steps.STEPS[3:]))

    assert "no portrait" in changes.find_change(begin_run("colours", "r2"), run).words
    assert not list(finished.iter_finished_runs(read_environment(), "colours"))


def test_a_step_that_a_run_does_without_says_why(colours, monkeypatch):
    begin_run("colours", "r1")
    portrait = PORTRAIT._replace(left_out=lambda _run: "nobody asked for it")
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, portrait))

    with pytest.raises(StepLeftOut, match="nobody asked for it"):
        steps.make("portrait", "colours", "r1")


@pytest.mark.training
def test_without_weights_the_descriptor_looks_at_the_pictures(colours):
    run = finish_run("colours", "r1")

    config = read_manifest(run.folders()["features"])["config"]
    assert (config["network"], config["descriptor_version"]) == ("descriptor", descriptor.VERSION)
    assert descriptor.PARAMETERS.items() <= config.items()
    assert "audit" in run.folders()
    assert not run.no_features


@pytest.mark.training
def test_what_a_run_notes_names_no_absolute_path(colours):
    run = finish_run("colours", "r1")

    text = (run.run_dir / "artifacts.json").read_text("utf-8")
    assert str(read_environment().data_dir) not in text
    assert str(run.report_dir) not in text
    assert run.folders()["model"].is_dir()


def step_named(name):
    return next(step for step in steps.STEPS if step.name == name)


def test_a_step_on_another_backend_than_the_runs_is_refused_where_a_network_computes_it(colours, monkeypatch):
    run = begin_run("colours", "r1")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    for name in ("features", "model", "evaluation"):
        with pytest.raises(ConfigError, match="KERAS_BACKEND is jax on this machine"):
            steps._check_worker(step_named(name), run)
    steps._check_worker(step_named("labels"), run)


def test_a_machine_without_its_gpus_is_refused_by_the_first_step_that_a_network_computes(colours, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_GPUS", "1")
    monkeypatch.setattr("cdiscount_tasks.machine.gpus.list_gpus", list)
    run = begin_run("colours", "r1")
    with pytest.raises(ConfigError, match=r"CDISCOUNT_GPUS is 1, but this machine \(.*\) has 0 GPUs"):
        steps._check_worker(step_named("features"), run)
    steps._check_worker(step_named("labels"), run)


@pytest.mark.slow
@pytest.mark.training
def test_a_run_whose_head_alone_learns_goes_from_features_to_its_report(colours, weights_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(weights_path.parent))
    head = {"network": "mobilenet_v3_small", "weights": "imagenet", "fine_tune_epochs": 0, "epochs": 2}
    run = finish_run("colours", "r1", overrides=head)

    made, trained = run.folders(), read_metrics(run.report_dir)["lineage"]["config"]["training"]
    assert {"features", "model", "evaluation", "audit"} <= set(made)
    assert read_table(made["model"] / "history.parquet", HISTORY)["phase"].to_pylist() == ["head", "head"]
    assert {name: trained[name] for name in head} == head
