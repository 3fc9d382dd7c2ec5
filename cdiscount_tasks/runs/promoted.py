"""Models that were promoted: made again, one would have other bytes, and be another model than the registry names."""

from contextlib import suppress
from pathlib import Path

from cdiscount_tasks.artifacts.manifest import find_result, read_manifest, without_advice
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs.decisions import last_promotion, promotions
from cdiscount_tasks.runs.registry import history, registered_samples
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.places import in_bucket

WAY_BACK = (
    "run `make verify` on a machine whose cache has it whole, which pushes what the bucket has lost, or bring back the "
    "object's older version in the bucket"
)
"""What to do about a promoted model of which a bucket has lost an object."""


def promoted_models(environment: Environment) -> set[Path]:
    """Return the folders of models that are champions, or were."""
    found = set()
    for sample_name in registered_samples(environment):
        with suppress(ConfigError, DataError):  # whoever uses the registry is told
            entries = history(sample_name, environment)
            found |= {environment.work_dir / one.candidate.model for one in promotions(entries)}
    return found


def check_champion_stands(sample_name: str, model_dir: Path, environment: Environment) -> None:
    """Refuse to train a champion again of which a bucket has lost or damaged an object; on a disk it is moved aside.

    Args:
        sample_name: Whose.
        model_dir: The model that is about to be found or made.
        environment: Where things are.

    Raises:
        DataError: If so; says how it comes back.
        OSError: If the bucket does not answer for now.
    """
    if in_bucket(model_dir) is None:
        return
    try:
        now = last_promotion(history(sample_name, environment))
    except DataError:
        return  # the judgement tells what is wrong with the registry
    if now is None or model_dir != environment.work_dir / now.candidate.model or find_result(model_dir) is None:
        return
    try:
        read_manifest(model_dir)
    except DataError as error:
        raise DataError(
            f"the champion of {sample_name} (decision {now.number}) is not trained again, since it would be another "
            f"model: {without_advice(error, model_dir)}; {WAY_BACK}, or roll back with `make champion`"
        ) from error
