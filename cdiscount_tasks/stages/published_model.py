"""A model artifact as others take it up: whole, with its classes and what it takes. Loads no network."""

from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.stages.inputs import ModelClass
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES


class PublishedModel(NamedTuple):
    """What a model artifact says of its model.

    Attributes:
        file_hash: The xxh3-128 of model.keras.
        classes: In the order of the network's outputs.
        input_contract: input.json: image_size, channels, dtype, resize, and whose weights it began with.
    """

    file_hash: str
    classes: tuple[ModelClass, ...]
    input_contract: dict[str, Any]


def open_published_model(model_dir: Path) -> PublishedModel:
    """Read what a model is, after comparing each of its files with its hash.

    Raises:
        DataError: If the artifact or a file of it is missing or damaged; names it.
        OSError: If it cannot be read for now.
    """
    verify_artifact(model_dir)
    classes = read_table(model_dir / "classes.parquet", CLASSES, ModelClass._fields).to_pylist()
    return PublishedModel(
        file_hash=read_manifest(model_dir)["files"]["model.keras"]["xxh3_128"],
        classes=tuple(ModelClass(**row) for row in classes),
        input_contract=read_json(model_dir / "input.json"),
    )
