"""The way of a run, written once: its steps, what each takes, what decides it, and how it is made.

The DAG files, the look for changes, "is this run finished" and the demo's list walk STEPS. A step is added by a stage
(`cdiscount_tasks/stages/`), a plan and a row here, and a task in `dags/category_samples.py`: docs/add-a-stage.md.
Stages are imported inside the plans: their libraries take seconds, which every DAG file would pay.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.errors import StepLeftOut
from cdiscount_tasks.machine.backbones import Backbone
from cdiscount_tasks.machine.gpus import check_gpus
from cdiscount_tasks.runs import summaries
from cdiscount_tasks.runs.plan import Folders, Plan
from cdiscount_tasks.runs.run import Run, open_run
from cdiscount_tasks.runs.searched import trained_with
from cdiscount_tasks.runs.training_plans import (
    of_model,
    of_search,
    of_seeds,
    without_other_seeds,
    without_search,
)
from cdiscount_tasks.runs.workers import check_reports


def _always(_run: Run) -> str | None:
    return None


class Step(NamedTuple):
    """A step of the way.

    Attributes:
        name: The noun that its artifact carries.
        inputs: The steps whose artifacts it takes; one that may be left out is taken where it was made.
        plan: Gives its plan for a run, and for the folders of its inputs, which need not be this run's own.
        summary: Says a result in a line.
        left_out: Says why a run does without it; None: it is made.
        by_registry: What it makes depends on who is champion at that time, which decides no other step but the report:
            a scheduled run is not started for it.
        by_content: Later steps count what it holds, not what it was made from: the index of a catalogue that was moved
            is another artifact of the same content.
        needed: Whether a run without its artifact is not finished. The model is not: reports and comparisons read its
            evaluation.
    """

    name: str
    inputs: tuple[str, ...]
    plan: Callable[[Run, Folders], Plan]
    summary: Callable[[Mapping[str, Any]], str]
    left_out: Callable[[Run], str | None] = _always
    by_content: bool = False
    by_registry: bool = False
    needed: bool = True


def _index(run: Run, _at: Folders) -> Plan:
    from cdiscount_tasks.stages import index

    return Plan(partial(index.index_recipe, run.index_parent_dir), partial(index.merge_index, *run.index_place))


def _sample(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.stages import sample

    draw = run.config.draw
    return Plan(
        partial(sample.sample_recipe, at["index"], draw),
        partial(sample.draw_sample, at["index"], run.catalogue_path, run.artifacts_dir, draw),
    )


def _labels(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.stages import labels

    inputs, rules = (at["index"], at["sample"], run.label_files), run.config.labels

    def make() -> Mapping[str, Any]:
        with run.sources_named():
            return labels.fix_labels(*inputs, run.artifacts_dir, rules)

    return Plan(partial(labels.labels_recipe, *inputs, rules), make)


def features_plan(backbone: Backbone | None, sample_dir: Path, labels_dir: Path, artifacts_dir: Path) -> Plan:
    """Plan the features of a sample's pictures: by a pretrained network, or by what needs none."""
    if backbone is None:
        from cdiscount_tasks.stages import description

        return Plan(
            partial(description.description_recipe, sample_dir, labels_dir),
            partial(description.describe_pictures, sample_dir, labels_dir, artifacts_dir),
        )
    from cdiscount_tasks.stages import features

    inputs = sample_dir, labels_dir, backbone.weights_path
    return Plan(
        partial(features.features_recipe, *inputs, backbone.config),
        partial(features.extract_features, *inputs, artifacts_dir, backbone.config),
    )


def _features(run: Run, at: Folders) -> Plan:
    return features_plan(run.backbone, at["sample"], at["labels"], run.artifacts_dir)


def _audit(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.stages import audit

    inputs, rules = (at["labels"], at["features"], run.reviews), run.config.labels
    return Plan(
        partial(audit.audit_recipe, *inputs, rules), partial(audit.audit_labels, *inputs, run.artifacts_dir, rules)
    )


def _evaluation(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.runs import judging
    from cdiscount_tasks.stages import evaluation

    inputs = at["sample"], at["labels"], at["model"]

    def make() -> Mapping[str, Any]:
        made = evaluation.evaluate_model(*inputs, run.artifacts_dir)
        judging.ask_ahead(run, {**at, "evaluation": Path(made["path"])})
        return made

    return Plan(partial(evaluation.evaluation_recipe, *inputs), make)


def _without_champion(run: Run) -> str | None:
    from cdiscount_tasks.runs import judging

    return judging.reason_without_champion(run)


def _drift(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.runs import judging
    from cdiscount_tasks.stages import drift

    sides = judging.drift_sides(run, at)
    return Plan(partial(drift.drift_recipe, *sides), partial(drift.find_drift, *sides, run.artifacts_dir))


def _judgement(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.runs import judging

    return Plan(partial(judging.recipe_of, run, at), partial(judging.judge_run, run, at))


def _report(run: Run, at: Folders) -> Plan:
    from cdiscount_tasks.reports.overview import write_reports_index
    from cdiscount_tasks.runs import judging
    from cdiscount_tasks.runs.champion_past import champion_past
    from cdiscount_tasks.runs.durations import note_duration
    from cdiscount_tasks.stages import report

    inputs = {step.name: at[step.name] for step in STEPS if step.name in at and step.name != "report"}
    config = run.config.model_copy(update={"training": trained_with(run.config, at)})

    def make() -> Mapping[str, Any]:
        champion_sample_dir = judging.champion_sample_dir(run) if "drift" in inputs else None
        past = champion_past(run, inputs)
        written = report.write_report(inputs, run.report_dir, config, run.no_features, champion_sample_dir, past)
        write_reports_index(run.environment.reports_dir)
        note_duration(run)
        return written

    return Plan(partial(report.report_recipe, inputs, config), make)


STEPS = (
    Step("index", (), _index, summaries.of_index, by_content=True),
    Step("sample", ("index",), _sample, summaries.of_sample),
    Step("labels", ("index", "sample"), _labels, summaries.of_labels),
    Step("features", ("sample", "labels"), _features, summaries.of_features, needed=False),
    Step("audit", ("labels", "features"), _audit, summaries.of_audit, needed=False),
    Step(
        "search",
        ("sample", "labels", "features"),
        of_search,
        summaries.of_search,
        left_out=without_search,
        needed=False,
    ),
    Step("model", ("sample", "labels", "features", "search"), of_model, summaries.of_model, needed=False),
    Step("evaluation", ("sample", "labels", "model"), _evaluation, summaries.of_evaluation),
    Step(
        "seeds",
        ("sample", "labels", "features", "search", "model"),
        of_seeds,
        summaries.of_seeds,
        left_out=without_other_seeds,
        needed=False,
    ),
    Step(
        "drift",
        ("sample", "labels", "features"),
        _drift,
        summaries.of_drift,
        left_out=_without_champion,
        by_registry=True,
        needed=False,
    ),
    Step(
        "judgement",
        ("index", "sample", "labels", "model", "evaluation"),
        _judgement,
        summaries.of_judgement,
        by_registry=True,
        needed=False,
    ),
    Step(
        "report",
        (
            "index",
            "sample",
            "labels",
            "features",
            "audit",
            "search",
            "model",
            "evaluation",
            "seeds",
            "drift",
            "judgement",
        ),
        _report,
        summaries.of_report,
    ),
)
"""In the order in which they are made."""


_BY_NETWORK = frozenset({"features", "search", "model", "evaluation", "seeds"})
"""Steps that a network computes, on the backend that KERAS_BACKEND names where they run."""


def _check_worker(step: Step, run: Run) -> None:
    """Refuse a machine that is not like the one that the run began on, or that has not the GPUs which a step needs."""
    by_network = step.name in _BY_NETWORK
    run.check_worker(by_network=by_network)
    if step.name == "report":
        check_reports(run.config.began_on, run.environment)
    if by_network:
        check_gpus(run.config.training.gpus, run.environment.gpus)


def make(name: str, sample_name: str, run_id: str) -> str:
    """Make a step of a run, or find what it would make, and note it in the run's artifacts.json.

    Args:
        name: Of the step.
        sample_name: Of the run.
        run_id: Airflow's.

    Returns:
        The result in a line.

    Raises:
        StepLeftOut: If the run does without it; says why.
        ConfigError, DataError: If a setting or data are wrong, or this machine is not like the run's first.
    """
    run = open_run(sample_name, run_id)
    step = next(step for step in STEPS if step.name == name)
    if reason := step.left_out(run):
        raise StepLeftOut(reason)
    _check_worker(step, run)
    return step.summary(run.record(name, step.plan(run, run.folders()).make()))
