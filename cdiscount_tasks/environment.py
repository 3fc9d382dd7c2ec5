"""The machine's settings, read from environment variables: where things lie and how much is allowed."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cdiscount_tasks.errors import ConfigError

PROJECT_DIR = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Environment:
    """Where things lie on this machine."""

    catalogue_path: Path
    names_path: Path | None
    data_dir: Path
    samples_dir: Path
    reports_dir: Path
    label_fixes_dir: Path
    weights_dir: Path | None
    tensorboard_dir: Path | None
    max_rejected_share: float
    gpu_slots: int
    price_per_cpu_hour: float | None
    price_per_gpu_hour: float | None
    currency: str
    uses_demo_catalogue: bool
    notify: tuple[str, ...]

    @property
    def work_dir(self) -> Path:
        """Return where artifacts go: the demo's stand below its own folder, apart from those of real data."""
        return self.demo_dir if self.uses_demo_catalogue else self.data_dir

    @property
    def demo_dir(self) -> Path:
        """Return the folder of the drawn catalogue."""
        return self.data_dir / "demo"


def _tidied(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the project's own variables without the line end that a file with Windows line ends leaves in each."""
    return {name: value.rstrip("\r\n") for name, value in environ.items() if name.startswith("CDISCOUNT_")}


def _path(environ: Mapping[str, str], name: str, default: Path) -> Path:
    text = environ.get(name)
    if not text:
        return default
    if text[0] in "'\"" and text[0] == text[-1]:
        raise ConfigError(f"environment variable {name} is {text!r}, quotes included; write the path without them")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(
            f"environment variable {name} is {text!r}, but the home of that user is not known; write the whole path"
        ) from error


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    return _path(environ, name, Path()) if environ.get(name) else None


def _number(environ: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ConfigError(f"environment variable {name} is {text!r}, expected a number from {low:g} to {high:g}")
    return value


def _notify(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ways in which reports and failures are told: `log`, `email:<address>`."""
    ways = [way.strip() for way in (environ.get("CDISCOUNT_NOTIFY") or "log").split(",")]
    if ways == ["none"]:
        return ()
    for way in ways:
        if way != "log" and not re.fullmatch(r"email:[^@\s]+@[^@\s]+", way):
            raise ConfigError(
                f"environment variable CDISCOUNT_NOTIFY has {way!r}, expected log, email:name@example.org, several of "
                "these with commas between, or none alone"
            )
    return tuple(dict.fromkeys(ways))


def _price(environ: Mapping[str, str], name: str) -> float | None:
    return _number(environ, name, 0, 0, 1e6) if environ.get(name) else None


def _whole_number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = _number(environ, name, default, low, high)
    if value != int(value):
        raise ConfigError(f"environment variable {name} is {environ[name]!r}, expected a whole number")
    return int(value)


def check_tensorboard(folder: Path | None) -> None:
    """Check that TensorBoard's logs can be written where they are wanted.

    Raises:
        ConfigError: If the package is not installed, or a file is in the folder's place.
    """
    if folder is None:
        return
    wanted = f"logs for TensorBoard are to go to {folder} (CDISCOUNT_TENSORBOARD)"
    if find_spec("tensorboard") is None:
        raise ConfigError(
            f"{wanted}, but it is not installed: install the package `tensorboard`, or unset the variable"
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{wanted}, but that is no folder; name one, or unset the variable")


def read_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Read the project's environment variables; an empty one counts as unset.

    Raises:
        ConfigError: If a number is none or out of its bounds, or a way to notify is unknown.
    """
    environ = _tidied(os.environ if environ is None else environ)
    data_dir = _path(environ, "CDISCOUNT_DATA", PROJECT_DIR / "data")
    demo_dir = data_dir / "demo"
    include_dir = PROJECT_DIR / "include"
    catalogue_path = _path(environ, "CDISCOUNT_CATALOGUE", demo_dir / "catalogue.bson")
    uses_demo = catalogue_path == demo_dir / "catalogue.bson"
    names_path = _path(environ, "CDISCOUNT_CATEGORY_NAMES", demo_dir / "category_names.csv")
    has_names = bool(environ.get("CDISCOUNT_CATEGORY_NAMES")) or uses_demo
    return Environment(
        catalogue_path=catalogue_path,
        names_path=names_path if has_names else None,
        data_dir=data_dir,
        samples_dir=_path(environ, "CDISCOUNT_SAMPLES", include_dir / "samples"),
        reports_dir=_path(environ, "CDISCOUNT_REPORTS", include_dir / "reports"),
        label_fixes_dir=_path(environ, "CDISCOUNT_LABEL_FIXES", include_dir / "label_fixes"),
        weights_dir=_folder(environ, "CDISCOUNT_WEIGHTS"),
        tensorboard_dir=_folder(environ, "CDISCOUNT_TENSORBOARD"),
        max_rejected_share=_number(environ, "CDISCOUNT_MAX_REJECTED_SHARE", 0.01, 0, 1),
        gpu_slots=_whole_number(environ, "CDISCOUNT_GPU_SLOTS", 1, 1, 64),
        price_per_cpu_hour=_price(environ, "CDISCOUNT_PRICE_PER_CPU_HOUR"),
        price_per_gpu_hour=_price(environ, "CDISCOUNT_PRICE_PER_GPU_HOUR"),
        currency=environ.get("CDISCOUNT_CURRENCY") or "EUR",
        uses_demo_catalogue=uses_demo,
        notify=_notify(environ),
    )
