"""The machine's settings, read from environment variables: where things lie and how much is allowed."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.catalogue_places import Place, place_of
from cdiscount_tasks.settings.path_faults import fault_in_place_of, fault_of
from cdiscount_tasks.settings.places import check_apart, checked_url, mirror_of, names_bucket, refuse_bucket, setting_of
from cdiscount_tasks.settings.variables import own_variables

PROJECT_DIR = Path(__file__).resolve().parents[2]
_DEFAULT_FIXES_DIR = PROJECT_DIR / "include" / "label_fixes"


@dataclass(frozen=True)
class Environment:
    """Where things lie on this machine.

    A data root or reports folder in a bucket has its URL in `data_url` or `reports_url`; `data_dir` and `reports_dir`
    are then the folders in `cache_dir` that mirror it.
    """

    catalogue_path: Place
    names_path: Path | None
    data_dir: Path
    samples_dir: Path
    reports_dir: Path
    label_fixes_dir: Path
    weights_dir: Path | None
    tensorboard_dir: Path | None
    max_rejected_share: float
    gpu_slots: int
    gpus: int | None
    gpu_queue: str | None
    gpu_executor: str | None
    commit: str | None
    price_per_cpu_hour: float | None
    price_per_gpu_hour: float | None
    currency: str
    uses_demo_catalogue: bool
    notify: tuple[str, ...]
    mlflow_url: str | None
    keep_runs: int | None
    data_url: str | None
    reports_url: str | None
    cache_dir: Path
    cache_gb: float | None

    @property
    def work_dir(self) -> Path:
        """Return where artifacts go: the demo has its own folder, apart from real data."""
        return self.demo_dir if self.uses_demo_catalogue else self.data_dir

    @property
    def demo_dir(self) -> Path:
        """Return the folder of the drawn catalogue."""
        return self.data_dir / "demo"


_QUEUE, _EXECUTOR, _COMMIT = (
    r"[A-Za-z0-9_.-]{1,200}",
    r"[A-Za-z_][A-Za-z0-9_.]{0,199}",
    r"[0-9a-f]{7,64}(-dirty)?|unknown",
)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")


def _path(environ: Mapping[str, str], name: str, default: Path) -> Path:
    if not environ.get(name):
        return default
    refuse_bucket(environ[name], f"environment variable {name}")
    try:
        return Path(environ[name]).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(
            f"environment variable {name} is {environ[name]!r}: that user has no home folder; write the whole path"
        ) from error


def _catalogue(environ: Mapping[str, str], default: Path) -> Place:
    text = environ.get("CDISCOUNT_CATALOGUE", "")
    if names_bucket(text):
        return place_of(text, "environment variable CDISCOUNT_CATALOGUE")
    return _path(environ, "CDISCOUNT_CATALOGUE", default)


def _place(environ: Mapping[str, str], name: str, default: Path, cache_dir: Path) -> tuple[Path, str | None]:
    """Return the folder that a variable names, and its URL where it is in a bucket: then the folder mirrors it."""
    text = environ.get(name, "")
    if not names_bucket(text):
        return _path(environ, name, default), None
    url = checked_url(text, f"environment variable {name}")
    return mirror_of(cache_dir, url), url


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    return _path(environ, name, Path()) if environ.get(name) else None


def _users_cache() -> Path:
    """Return the user's own folder for what can be fetched again."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "cdiscount"
    except RuntimeError:  # a user without a home folder, as in some containers
        return Path(tempfile.gettempdir()) / f"cdiscount-{os.getuid()}"


def _number(environ: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = environ.get(name) or str(default)
    try:
        value = float(text) if _NUMBER.fullmatch(text.strip()) else float("nan")
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ConfigError(f"environment variable {name} is {text!r}, expected a number from {low:,} to {high:,}")
    return value


def _notify(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ways in which reports and failures are announced: `log`, `email:<address>`."""
    ways = [way.strip() for way in (environ.get("CDISCOUNT_NOTIFY") or "log").split(",")]
    if ways == ["none"]:
        return ()
    for way in ways:
        if way != "log" and not re.fullmatch(r"email:[^@\s]+@[^@\s]+", way):
            raise ConfigError(
                f"environment variable CDISCOUNT_NOTIFY has {way!r}, expected log, email:name@example.org, several "
                "of these with commas between, or none"
            )
    return tuple(dict.fromkeys(ways))


def _web_address(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name, "").strip()
    if not text or re.fullmatch(r"https?://[^/@?#\s:]+(:[0-9]{1,5})?(/[^@?#\s]*)?", text):
        return text.rstrip("/") or None
    raise ConfigError(  # without the text: it may hold a password
        f"environment variable {name} is no address of a server, expected one such as http://127.0.0.1:5000, without a "
        "user or password (MLflow reads those from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD)"
    )


def _word(environ: Mapping[str, str], name: str, pattern: str, expected: str) -> str | None:
    text = environ.get(name, "").strip()
    if not text or re.fullmatch(pattern, text):
        return text or None
    raise ConfigError(f"environment variable {name} is {text!r}, expected {expected}")


def _price(environ: Mapping[str, str], name: str) -> float | None:
    return _number(environ, name, 0, 0, 1_000_000) if environ.get(name) else None


def _whole_number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = _number(environ, name, default, low, high)
    if value != int(value):
        raise ConfigError(f"environment variable {name} is {environ[name]!r}, expected a whole number")
    return int(value)


def _gpus(environ: Mapping[str, str]) -> int | None:
    """Return how many GPUs each machine that trains has; None: nobody says."""
    if not environ.get("CDISCOUNT_GPUS"):
        return None
    try:
        return _whole_number(environ, "CDISCOUNT_GPUS", 1, 1, 64)
    except ConfigError as error:
        raise ConfigError(f"{error}; unset it where a CPU may do the work") from None


def check_data_folder(environment: Environment) -> None:
    """Check that artifacts can have their folder, before anything is looked for in it.

    Raises:
        ConfigError: If something else is in its place; names the variable.
    """
    folder = environment.work_dir
    if fault := fault_in_place_of(folder):
        name = setting_of(folder, "CDISCOUNT_DATA")
        raise ConfigError(f"{folder}: {fault}, though {name} names it; set it to a folder, or unset it")


def check_folders(environment: Environment) -> None:
    """Check that what the path variables name is there, or can be made: no setting is ignored.

    Raises:
        ConfigError: If something else is in a folder's place, or a folder that must exist does not; names the variable.
    """
    check_data_folder(environment)
    fixes_dir = environment.label_fixes_dir
    may_be_missing = fixes_dir == _DEFAULT_FIXES_DIR and not os.path.lexists(fixes_dir)
    faults = {
        "CDISCOUNT_SAMPLES": (environment.samples_dir, fault_of(environment.samples_dir, "folder")),
        "CDISCOUNT_LABEL_FIXES": (fixes_dir, None if may_be_missing else fault_of(fixes_dir, "folder")),
        "CDISCOUNT_REPORTS": (environment.reports_dir, fault_in_place_of(environment.reports_dir)),
    }
    if environment.weights_dir is not None:
        faults["CDISCOUNT_WEIGHTS"] = environment.weights_dir, fault_of(environment.weights_dir, "folder")
    for name, (path, fault) in faults.items():
        if fault is not None:
            raise ConfigError(
                f"{path}: {fault}, though {setting_of(path, name)} names it; set it to a folder, or unset it"
            )


def check_tensorboard(folder: Path) -> None:
    """Check that TensorBoard's logs can be written where they are wanted.

    Raises:
        ConfigError: If the package is not installed, or a file is in the folder's place.
    """
    wanted = f"CDISCOUNT_TENSORBOARD asks for TensorBoard logs in {folder}"
    if find_spec("tensorboard") is None:
        raise ConfigError(
            f"{wanted}, but it is not installed: install the package `tensorboard`, or unset the variable"
        )
    if fault_in_place_of(folder) is not None:
        raise ConfigError(f"{wanted}, but that is no folder; name one, or unset the variable")


def read_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Read the project's environment variables; an empty one counts as unset.

    Raises:
        ConfigError: If a value is not a number or out of its bounds, a way to notify is unknown, an address is none, a
            variable's name is a slip of a known one, or its value holds what a shell or an environment file left there.
    """
    environ = own_variables(os.environ if environ is None else environ)
    cache_dir = _path(environ, "CDISCOUNT_CACHE", _users_cache())
    data_dir, data_url = _place(environ, "CDISCOUNT_DATA", PROJECT_DIR / "data", cache_dir)
    demo_dir = data_dir / "demo"
    include_dir = PROJECT_DIR / "include"
    catalogue_path = _catalogue(environ, demo_dir / "catalogue.bson")
    uses_demo = catalogue_path == demo_dir / "catalogue.bson"
    names_path = _path(environ, "CDISCOUNT_CATEGORY_NAMES", demo_dir / "category_names.csv")
    reports_dir, reports_url = _place(environ, "CDISCOUNT_REPORTS", include_dir / "reports", cache_dir)
    check_apart(data_url, reports_url)
    has_limit = bool(environ.get("CDISCOUNT_KEEP_RUNS"))
    has_names = bool(environ.get("CDISCOUNT_CATEGORY_NAMES")) or uses_demo
    return Environment(
        catalogue_path=catalogue_path,
        names_path=names_path if has_names else None,
        data_dir=data_dir,
        samples_dir=_path(environ, "CDISCOUNT_SAMPLES", include_dir / "samples"),
        reports_dir=reports_dir,
        label_fixes_dir=_path(environ, "CDISCOUNT_LABEL_FIXES", _DEFAULT_FIXES_DIR),
        weights_dir=_folder(environ, "CDISCOUNT_WEIGHTS"),
        tensorboard_dir=_folder(environ, "CDISCOUNT_TENSORBOARD"),
        max_rejected_share=_number(environ, "CDISCOUNT_MAX_REJECTED_SHARE", 0.01, 0, 1),
        gpu_slots=_whole_number(environ, "CDISCOUNT_GPU_SLOTS", 1, 1, 64),
        gpus=_gpus(environ),
        gpu_queue=_word(environ, "CDISCOUNT_GPU_QUEUE", _QUEUE, "the name of one queue, such as gpu"),
        gpu_executor=_word(environ, "CDISCOUNT_GPU_EXECUTOR", _EXECUTOR, "one executor, such as CeleryExecutor"),
        commit=_word(environ, "CDISCOUNT_COMMIT", _COMMIT, "a commit, 7 to 64 hex digits, or unknown"),
        price_per_cpu_hour=_price(environ, "CDISCOUNT_PRICE_PER_CPU_HOUR"),
        price_per_gpu_hour=_price(environ, "CDISCOUNT_PRICE_PER_GPU_HOUR"),
        currency=environ.get("CDISCOUNT_CURRENCY") or "EUR",
        uses_demo_catalogue=uses_demo,
        notify=_notify(environ),
        mlflow_url=_web_address(environ, "CDISCOUNT_MLFLOW"),
        keep_runs=_whole_number(environ, "CDISCOUNT_KEEP_RUNS", 1, 1, 10_000) if has_limit else None,
        data_url=data_url,
        reports_url=reports_url,
        cache_dir=cache_dir,
        cache_gb=_number(environ, "CDISCOUNT_CACHE_GB", 0, 0.001, 10**6) if environ.get("CDISCOUNT_CACHE_GB") else None,
    )
