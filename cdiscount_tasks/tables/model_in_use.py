"""What a model that answers brings with it: its categories, and what was chosen for it on validation."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES


class Answering(Protocol):
    """A model that answers: finished artifacts (`stages/inputs.py`, `PredictingModel`)."""

    @property
    def model_dir(self) -> Path:
        """Of the model."""

    @property
    def evaluation_dir(self) -> Path:
        """Of its evaluation."""

    @property
    def labels_dir(self) -> Path:
        """Of the products that it learnt from."""


def check_whole(model_dir: Path) -> None:
    """Compare the files of a model that is in use with their hashes.

    Raises:
        DataError: If one is missing or damaged; a model in use is put back or replaced, not trained again.
    """
    try:
        verify_artifact(model_dir)
    except DataError as error:
        what = str(error).partition("; ")[0]
        raise DataError(f"{what}; the model in use is damaged: put its folder back, or ask another model") from error


class InUse(NamedTuple):
    """What decides how a model answers, beside its weights.

    Attributes:
        category_ids: int64, [num_classes].
        commonest_category_id: That of most of the products that it learnt from.
        temperature: Of its confidences.
        thresholds: By target precision: the least confidence that answers, or None; and why it is None.
    """

    category_ids: npt.NDArray[np.int64]
    commonest_category_id: int
    temperature: float
    thresholds: dict[float, tuple[float | None, str | None]]

    def threshold_of(self, target_precision: float | None) -> tuple[float | None, str | None]:
        """Return the least confidence that keeps a promise, or None and why; nothing where nothing is promised.

        Raises:
            ValueError: If no such promise was asked of validation.
        """
        if target_precision is None:
            return None, None
        if target_precision not in self.thresholds:
            known = ", ".join(map(str, self.thresholds))
            raise ValueError(f"target_precision is {target_precision}, expected one of {known}, or None")
        return self.thresholds[target_precision]


def read_in_use(model: Answering) -> InUse:
    """Read what decides how a model answers, with every byte of its evaluation compared.

    Raises:
        DataError: If a file is damaged, or the model does not fit its evaluation or its labels.
    """
    verify_artifact(model.evaluation_dir)
    evaluated, found = (
        read_manifest(model.evaluation_dir)["inputs"]["model"],
        read_manifest(model.model_dir)["identity"],
    )
    if evaluated != found:
        raise DataError(
            f"{model.evaluation_dir}: is of model {evaluated}, expected {found}; run again from evaluate_model"
        )
    learnt, labelled = (read_table(one / "classes.parquet", CLASSES) for one in (model.model_dir, model.labels_dir))
    if not learnt["category_id"].equals(labelled["category_id"]):
        raise DataError(f"{model.model_dir}: was trained for other classes than {model.labels_dir} has; train it again")
    category_ids = numpy_numbers(labelled["category_id"])
    calibration: Any = read_json(model.evaluation_dir / "calibration.json")
    return InUse(
        category_ids=category_ids,
        commonest_category_id=int(category_ids[np.argmax(numpy_numbers(labelled["num_products_train"]))]),
        temperature=calibration["temperature"],
        thresholds={one["target_precision"]: (one["threshold"], one["note"]) for one in calibration["thresholds"]},
    )
