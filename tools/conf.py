"""What CONF and PRESET say, checked before Airflow starts: it would end in a traceback and a whole schema."""

import json
import os
from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.settings.sentences import in_short, properties_of
from cdiscount_tasks.settings.training import TrainingConfig
from tools.airflow.home import ToolError

_EXAMPLE = "CONF='{\"epochs\": 3}'"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a key that occurs twice is refused, where JSON would take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ToolError(f"CONF has {in_short(twice)} twice; leave one of them")
    return found


def read_conf() -> dict[str, Any]:
    """Return the conf that CONF and PRESET set.

    Raises:
        ToolError: If CONF is no JSON object, has a key twice, or has another preset than PRESET.
    """
    text = os.environ.get("CONF") or "{}"
    try:
        conf = json.loads(text, object_pairs_hook=_pairs)
        json.dumps(conf, ensure_ascii=False).encode()  # half of a character, as in "\\ud800", cannot be stored
    except RecursionError as error:
        raise ToolError(f"CONF is nested too deep; write it as {_EXAMPLE}") from error
    except ValueError as error:
        raise ToolError(f"CONF is {in_short(text)}, not JSON ({error}); write it as {_EXAMPLE}") from error
    if not isinstance(conf, dict):
        raise ToolError(f"CONF is {in_short(text)}, expected a JSON object such as '{{\"epochs\": 3}}'")
    preset = os.environ.get("PRESET")
    if not preset:
        return conf
    if conf.get("preset", preset) != preset:
        raise ToolError(f"PRESET is {preset!r} and the preset of CONF {in_short(conf['preset'])}; leave one of them")
    return {"preset": preset, **conf}


def as_in_the_form(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sample's conf as its trigger form takes it: true and false are its words yes and no."""
    knobs = properties_of(TrainingConfig)
    words = {True: "yes", False: "no"}
    return {
        name: words[value] if isinstance(value, bool) and knobs.get(name, {}).get("type") == "boolean" else value
        for name, value in conf.items()
    }
