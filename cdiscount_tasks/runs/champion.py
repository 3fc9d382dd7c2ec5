"""The model in use, in a program's hands; and as a file for programs without Keras.

from cdiscount_tasks.runs.champion import load_champion

load_champion("wine").predict([[jpeg_1, jpeg_2], [jpeg_3]])
"""

from typing import TYPE_CHECKING

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.stages.inputs import PredictingModel

if TYPE_CHECKING:  # it loads tables and pictures, for nothing where only places are asked for
    from cdiscount_tasks.stages.export import ExportResult
    from cdiscount_tasks.stages.loaded_model import LoadedModel


def predicting_model(sample_name: str, environment: Environment | None = None) -> PredictingModel:
    """Return the artifacts of a sample's model in use, after comparing the model's files with their hashes.

    Args:
        sample_name: Whose.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ConfigError: If there is no such sample.
        DataError: If the sample has no champion, or that cannot be used.
    """
    found = registry.champion(sample_name, environment)
    if found is None:
        known = ", ".join(registry.registered_samples(environment)) or "none"
        raise DataError(
            f"{sample_name} has no champion: no model of it was promoted yet; run the sample, or name another (samples "
            f"with a history: {known})"
        )
    return PredictingModel(found.path, found.evaluation_dir, found.labels_dir, found.sample_dir)


def load_champion(sample_name: str, environment: Environment | None = None) -> "LoadedModel":
    """Load a sample's model in use; several seconds, since TensorFlow is loaded with it.

    Args:
        sample_name: Whose.
        environment: Where things are; None: as the environment variables say.

    Returns:
        What answers to JPEG bytes: `predict(products)`, and knows its `classes`, `input_contract`, `thresholds`.

    Raises:
        ConfigError: If there is no such sample.
        DataError: If the sample has no champion; or it, or what it was measured with, is damaged or cannot be loaded.
        OSError: If a file cannot be read for now.
        RuntimeError: If every GPU of the machine is taken; `CUDA_VISIBLE_DEVICES=-1` answers on the CPU.
    """
    model = predicting_model(sample_name, environment)
    from cdiscount_tasks.stages.loaded_model import LoadedModel

    return LoadedModel(model)


def export_champion(sample_name: str, form: str, environment: Environment | None = None) -> "ExportResult":
    """Write a sample's model in use as a file that programs without Keras run; one that exists is found.

    Args:
        sample_name: Whose.
        form: One of EXPORT_FORMATS.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ConfigError: If the name or the format is unknown, a package is missing, or TensorFlow sees a GPU.
        DataError: If the sample has no champion, that cannot be used, or the file does not answer alike.
        OSError: If a file cannot be read or written.
    """
    environment = environment or read_environment()
    model = predicting_model(sample_name, environment)
    from cdiscount_tasks.stages.export import export_model

    return export_model(model, form, environment.work_dir / "samples" / sample_name)
