"""The trigger forms of what is done with champions: roll one back, ask one about a catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Param

from cdiscount_airflow.forms import check_keys
from cdiscount_tasks.settings.comparison import DEFAULT_SAMPLES
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.predictions import CHAMPION, TARGETS, PredictionsParams
from cdiscount_tasks.settings.sentences import properties_of

_ROLL_BACK = ("sample", "decision", "reason")
_LONGEST_REASON = 2000


def _first(samples: Sequence[str]) -> str:
    """Return what the form begins with: one of the project's own samples where there is one."""
    return next((name for name in (*DEFAULT_SAMPLES, *samples) if name in samples), "")


def roll_back_params(samples: Sequence[str]) -> dict[str, Param]:
    """Return the form of a roll back: whose champion, to which decision, why.

    Args:
        samples: Names that can be chosen.
    """
    choice: dict[str, Any] = {"enum": list(samples)} if samples else {}
    return {
        "sample": Param(_first(samples), type="string", title="Sample", description="Whose champion.", **choice),
        "decision": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Decision",
            description="The number of the decision whose model is to be the champion again. The champion section of "
            "each report lists them, and so does `make champion`. Empty: nothing is changed, the log lists them.",
        ),
        "reason": Param(
            "",
            type="string",
            maxLength=_LONGEST_REASON,
            title="Reason",
            description="In a sentence; it stays in the sample's history.",
        ),
    }


def roll_back_settings(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the form or conf of a roll back sets.

    Args:
        params: The run's params, conf merged in.
        conf: The run's conf as it came.

    Raises:
        ConfigError: If conf has a key that the form does not have.
    """
    check_keys(conf, _ROLL_BACK)
    return {name: params[name] for name in _ROLL_BACK}


_PRECISIONS = {
    "95": "95 %: 19 of 20 answers are right, the others stay empty",
    "99": "99 %",
    "none": "none: every product is answered",
}


def predictions_params(samples: Sequence[str], environment: Environment) -> dict[str, Param]:
    """Return the form of predictions: whose model, which file, which promise.

    Args:
        samples: Names that can be chosen.
        environment: Says which file an empty field means.
    """
    fields = properties_of(PredictionsParams)
    said = {name: field["description"] for name, field in fields.items()}
    choice: dict[str, Any] = {"enum": list(samples)} if samples else {}
    return {
        "sample": Param(_first(samples), type="string", title="Sample", description=said["sample"], **choice),
        "catalogue": Param(
            "",
            type="string",
            title="File of products",
            description=f"{said['catalogue']} Now that is {environment.catalogue_path}.",
        ),
        "model": Param(CHAMPION, type="string", minLength=1, title="Model", description=said["model"]),
        "precision": Param(
            "95",
            type="string",
            enum=list(TARGETS),
            values_display=_PRECISIONS,
            title="Promised precision",
            description=said["precision"],
        ),
        "allow_drawn": Param(
            "no", type="string", enum=["no", "yes"], title="Allow drawn pictures", description=said["allow_drawn"]
        ),
    }


def predictions_settings(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the form or conf of predictions sets.

    Args:
        params: The run's params, conf merged in.
        conf: The run's conf as it came.

    Raises:
        ConfigError: If conf has a key that the form does not have.
    """
    names = list(PredictionsParams.model_fields)
    check_keys(conf, names)
    return {name: params[name] for name in names}
