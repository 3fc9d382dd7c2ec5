"""A training that begins with the champion's weights: whose, frozen when the run starts."""

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.run import StartedFrom
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import PreviousModel

_WAY_OUT = "set weights: none, or imagenet for a network of keras.applications"


def choose_start(sample_name: str, training: TrainingConfig, environment: Environment) -> StartedFrom | None:
    """Return the champion whose weights a run's training begins with; None: the preset wants no champion's.

    Args:
        sample_name: Whose champion.
        training: The run's knobs.
        environment: Where things are.

    Raises:
        ConfigError: If no model was promoted yet, or the champion is of another network or image size.
        DataError: If the champion's model is missing or damaged.
    """
    if training.weights != "champion":
        return None
    found = registry.champion(sample_name, environment)
    if found is None:
        raise ConfigError(
            f"run of sample {sample_name}: weights is 'champion', but no model of {sample_name} was promoted yet; "
            f"{_WAY_OUT}, until there is one"
        )
    has = {"network": read_manifest(found.path)["result"]["network"], "image_size": found.input_contract["image_size"]}
    for knob, value in has.items():
        if (wanted := getattr(training, knob)) != value:
            raise ConfigError(
                f"run of sample {sample_name}: {knob} is {wanted!r}, expected {value!r} as the champion has it "
                f"(decision {found.decision}), since weights is 'champion'; set {knob}: {value}, or {_WAY_OUT}"
            )
    root = environment.work_dir
    return StartedFrom(
        decision=found.decision,
        run_id=found.run_id,
        model=found.path.relative_to(root).as_posix(),
        labels=found.labels_dir.relative_to(root).as_posix(),
    )


def previous_model(run: Run) -> PreviousModel | None:
    """Return the model whose weights a run's training begins with; None: it begins with no champion's.

    Raises:
        DataError: If it was removed since the run began.
    """
    started = run.config.started_from
    if started is None:
        return None
    root = run.environment.work_dir
    for folder in (started.model, started.labels):
        if not (root / folder).is_dir():
            raise DataError(
                f"{root / folder}: was removed since this run began with the weights of decision {started.decision}; "
                "trigger a new run"
            )
    return PreviousModel(root / started.model, root / started.labels, started.run_id, started.decision)
