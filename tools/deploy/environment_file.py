"""`make env`: the file of settings and secrets that `deploy/compose/docker-compose.yaml` asks for.

INPUT names the folder of the catalogue: its BSON file, and what else of `category_names.csv` and `weights/` is there.
GPUS says how many GPUs this machine gives to trainings; 0 leaves the worker for GPUs out. A file that exists keeps its
secrets, and what people have added to it. Needs the standard library alone: a server with Docker needs no set-up.
"""

import base64
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.airflow.home import PROJECT_DIR, ToolError

ENV_PATH = PROJECT_DIR / "deploy" / "compose" / ".env"
SECRETS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "FERNET_KEY", "API_SECRET_KEY", "JWT_SECRET", "ADMIN_PASSWORD")
_IN_CONTAINER = "/opt/cdiscount/input"
_UI_ADDRESS, _OWN_ADDRESS = "AIRFLOW__API__BASE_URL", re.compile(r"(http://127\.0\.0\.1:\d+)?")
_LINE = re.compile(r"([A-Z_]+)=(.*)")
_HEAD = """\
# Settings and secrets of deploy/compose, written by `make env`. Keep a copy in a safe place: without FERNET_KEY no
# stored connection can be read, without POSTGRES_PASSWORD no database. Whoever reads this file rules the fleet.
"""


def new_secret(name: str) -> str:
    """Draw a secret of at least 250 bits; of letters that mean nothing in an address, a shell or a compose file.

    The first is a letter: a password that begins with `-` is an option to the program that it is handed to.
    """
    while True:
        drawn = (
            base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            if name == "FERNET_KEY"
            else secrets.token_urlsafe(32)
        )
        if drawn[0].isalpha():
            return drawn


def settings_in(text: str) -> dict[str, str]:
    """Return the settings of an env file's text."""
    return {found[1]: found[2] for found in map(_LINE.fullmatch, text.splitlines()) if found}


def _refuse_changed(path: Path) -> None:
    """Refuse a path that compose would change, or read as two, in a line of an env file or as a volume."""
    text = str(path)
    if not text.isprintable() or re.search(r"""[$:#'"\\]""", text) or any(each != each.strip() for each in path.parts):
        raise ToolError(
            f"{path}: compose reads quotes, \\, any of $ : # and spaces at the end of a name as something else; name a "
            "folder and a BSON file without them"
        )


def settings_of_input(folder: Path) -> dict[str, str]:
    """Return the settings that follow from what is in the catalogue's folder.

    Raises:
        ToolError: If it is no folder, or has no BSON file or several.
    """
    if folder.is_file():
        raise ToolError(f"INPUT is {str(folder)!r}, which is a file; name its folder, {str(folder.parent)!r}")
    if not folder.is_dir():
        raise ToolError(f"INPUT is {str(folder)!r}, expected the folder of the catalogue's BSON file")
    _refuse_changed(folder)
    catalogues = sorted(path.name for path in folder.glob("*.bson") if path.is_file())
    if "train.bson" in catalogues:
        catalogues = ["train.bson"]
    if len(catalogues) != 1:
        found = ", ".join(catalogues) or "none"
        raise ToolError(
            f"{folder}: BSON files are {found}, expected one, or one named train.bson; move the others away"
        )
    _refuse_changed(folder / catalogues[0])
    names, weights = folder / "category_names.csv", folder / "weights"
    return {
        "INPUT": str(folder),
        "CATALOGUE": catalogues[0],
        "CDISCOUNT_CATEGORY_NAMES": f"{_IN_CONTAINER}/{names.name}" if names.is_file() else "",
        "CDISCOUNT_WEIGHTS": f"{_IN_CONTAINER}/{weights.name}" if weights.is_dir() else "",
    }


def settings_of_gpus(text: str) -> dict[str, str]:
    """Return the settings of so many GPUs: the worker that has them, its queue, the packages of its image, the backend.

    Raises:
        ToolError: If it is not a number from 0 to 64.
    """
    if not (text.isascii() and text.isdecimal()) or int(text) > 64:
        raise ToolError(f"GPUS is {text!r}, expected a number from 0 to 64")
    number = str(int(text))  # `007` would be refused by compose
    has_gpus, locks = number != "0", "requirements.txt requirements-fleet.txt"
    return {
        "COMPOSE_PROFILES": "gpu" if has_gpus else "",
        "CDISCOUNT_GPU_QUEUE": "gpu" if has_gpus else "",
        "CDISCOUNT_GPU_SLOTS": number if has_gpus else "1",
        "CDISCOUNT_GPUS": number if has_gpus else "",
        "KERAS_BACKEND": "jax" if has_gpus else "tensorflow",
        "LOCKS": f"{locks} requirements-gpu.txt" if has_gpus else locks,
    }


def _is_slots_by_hand(before: Mapping[str, str]) -> bool:
    """Tell whether a person has set the slots: they are the fleet's, which may have more GPUs than this machine."""
    slots = before.get("CDISCOUNT_GPU_SLOTS", "")
    return slots not in ("", before.get("CDISCOUNT_GPUS") or "1")


def wanted_settings(before: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the whole file's settings.

    Args:
        before: Those of the file that exists: what the shell does not name again is kept.
        environ: The shell's; INPUT and GPUS count.

    Raises:
        ToolError: If INPUT or GPUS cannot be meant so, or INPUT was never named.
    """
    wanted = dict(before)
    if environ.get("INPUT"):
        wanted |= settings_of_input(Path(environ["INPUT"]).expanduser().absolute())
    elif not wanted.get("INPUT"):
        raise ToolError(
            "INPUT is not set, expected the folder of the catalogue: `make env INPUT=/folder/with/the/bson/file`"
        )
    if environ.get("GPUS") or "COMPOSE_PROFILES" not in wanted:
        of_gpus = settings_of_gpus(environ.get("GPUS") or "0")
        if _is_slots_by_hand(before):
            del of_gpus["CDISCOUNT_GPU_SLOTS"]
        wanted |= of_gpus
    if _OWN_ADDRESS.fullmatch(wanted.get(_UI_ADDRESS, "")):  # no proxy's: it follows the port
        wanted[_UI_ADDRESS] = f"http://127.0.0.1:{wanted.get('UI_PORT') or 8080}"
    for name in SECRETS:
        wanted[name] = wanted.get(name) or new_secret(name)
    return wanted


def with_settings(text: str, settings: Mapping[str, str]) -> str:
    """Return an env file's text with these settings; its other lines, comments among them, stay where they are."""
    left, lines = dict(settings), []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        lines.append(f"{found[1]}={left.pop(found[1])}" if found and found[1] in left else line)
    return "".join(f"{line}\n" for line in [*lines, *(f"{name}={value}" for name, value in left.items())])


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)


def _text_of(path: Path) -> str:
    """Return the text of a file that people may have changed.

    Raises:
        ToolError: If it is not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(
            f"{path}: byte {error.start} is not UTF-8, expected a text in UTF-8; correct it in an editor, and keep its "
            "secrets: what is stored cannot be read without them"
        ) from error


def main(path: Path = ENV_PATH) -> None:
    """Write the file, or add what it lacks, and say where the password is."""
    before = _text_of(path) if path.exists() else ""
    settings = wanted_settings(settings_in(before), os.environ)
    write_private(path, with_settings(before or _HEAD, settings))
    print(
        f"{path}: {'kept, with what is new' if before else 'written'}; user admin, its password is ADMIN_PASSWORD there"
    )
    if settings["COMPOSE_PROFILES"] == "":
        print("no worker for GPUs; with some in this machine: `make env GPUS=1`")


if __name__ == "__main__":
    try:
        main()
    except (ToolError, OSError) as error:
        sys.exit(str(error))
