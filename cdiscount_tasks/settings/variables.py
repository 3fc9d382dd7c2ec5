"""Which environment variables are the project's: their names, slips of these, and values that a shell has left odd."""

import difflib
import re
from collections.abc import Mapping

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.kubernetes import service_variables

_PATHS = frozenset(
    f"CDISCOUNT_{name}"
    for name in (
        "CATALOGUE",
        "CATEGORY_NAMES",
        "DATA",
        "SAMPLES",
        "REPORTS",
        "LABEL_FIXES",
        "WEIGHTS",
        "TENSORBOARD",
        "CACHE",
    )
)
_KNOWN = _PATHS | {
    f"CDISCOUNT_{name}"
    for name in (
        "MAX_REJECTED_SHARE", "GPU_SLOTS", "PRICE_PER_CPU_HOUR", "PRICE_PER_GPU_HOUR", "CURRENCY", "NOTIFY", "MLFLOW",
        "UI_PORT", "KEEP_RUNS", "GPUS", "GPU_QUEUE", "GPU_EXECUTOR", "COMMIT", "CACHE_GB", "STORE_CONN_ID",
        "PICTURES", "PICTURES_OF_JUDGING", "TEST_DATA", "TEST_SCALE",
    )
}  # fmt: skip
_QUOTES = frozenset("'\"")
_PREFIX = "CDISCOUNT"


def _refuse_odd(name: str, value: str) -> None:
    """Refuse a value that was not meant so: what a shell or an environment file has left in it."""
    what = f"environment variable {name} is {value!r}"
    if any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise ConfigError(f"{what}: it has bytes that are not UTF-8; rename the file or folder that it names")
    if not value.isprintable():
        raise ConfigError(f"{what}: it has an invisible character; remove it")
    if not value.strip():
        raise ConfigError(f"{what}: it has only spaces; give it a value, or unset it")
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        raise ConfigError(f"{what}: write it without the quotes")
    if re.search(r"\s#(\s|$)", value):  # as in `2 # two GPUs`; a folder may be called `#1`
        raise ConfigError(f"{what}: text after # is part of the value here; remove the comment")
    if name not in _PATHS:
        return
    if value != value.strip():
        raise ConfigError(f"{what}: remove the space before or after it")
    if value.startswith(("$", "%")):
        raise ConfigError(f"{what}: a variable in it was not replaced; write the whole path")


def _meant(name: str) -> list[str]:
    """Return the variables that an unknown name may mean: by its letters, or by a word that both have."""
    if name in _KNOWN:
        return [name]
    word = name.removeprefix(f"{_PREFIX}_")
    with_word = sorted(known for known in _KNOWN if f"_{word}_" in f"{known.removeprefix(_PREFIX)}_")
    return with_word or difflib.get_close_matches(name, sorted(_KNOWN), n=1, cutoff=0.85)


def _refuse_unknown(name: str) -> None:
    """Refuse a variable that is meant as one of the project's, which nothing would read."""
    plain = re.sub(r"[-. ]", "_", name.strip().upper())
    if name in _KNOWN or difflib.SequenceMatcher(None, plain[: len(_PREFIX)], _PREFIX).ratio() < 0.8:
        return
    meant = _meant(plain)
    if not meant and not plain.startswith(f"{_PREFIX}_"):
        return  # another program's
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"known are {', '.join(sorted(_KNOWN))}"
    raise ConfigError(f"environment variable {name!r} is unknown; {hint}")


def own_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the project's variables that have a value, without the line end of a Windows file.

    Raises:
        ConfigError: If a name is a slip of a known one, or a value cannot be meant so.
    """
    given = {name: value.rstrip("\r\n") for name, value in environ.items()}
    given = {name: value for name, value in given.items() if value}
    for name in given.keys() - service_variables(given):
        _refuse_unknown(name)
    own = {name: value for name, value in given.items() if name in _KNOWN}
    for name, value in own.items():
        _refuse_odd(name, value)
    return own
