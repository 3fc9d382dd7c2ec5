"""What all settings share: frozen models that refuse unknown keys, and switches written as yes or no."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _tuple_of_list(value: Any) -> Any:
    """YAML knows lists only; a frozen model holds tuples."""
    return tuple(value) if isinstance(value, list) else value


_FromList = BeforeValidator(_tuple_of_list)


def bool_of_word(value: Any) -> Any:
    """Return a switch written as yes or no; anything else as it is. The trigger form's choices are text."""
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


YesOrNo = Annotated[bool, BeforeValidator(bool_of_word)]


class Frozen(BaseModel):
    """A model that refuses unknown keys and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
