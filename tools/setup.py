"""`make setup`: the project's `.venv`, with exactly the packages of the two hashed locks.

Run by `tools/setup.sh` with the Python that `.venv` is made with; needs the standard library alone. The packages are
installed in parts, TensorFlow's wheel first: a set-up that was stopped fetches no finished part again, and a download
that breaks off goes on at the byte where it stopped (docs/decisions/0001-set-up-with-pip.md).
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import setup_needs
from tools.setup_needs import SetupError

PROJECT_DIR = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
STATE = "setup.json"
PACKAGES_IN_A_PART = 25

HOW_PIP_WORKS = {
    # Defaults only: what the user's environment sets stays.
    "PIP_DEFAULT_TIMEOUT": "120",
    "PIP_RETRIES": "10",  # a network that is away for about four minutes
    "PIP_RESUME_RETRIES": "100",  # goes on with a broken download, pip 25.1 and newer
}
OUT_OF_PLACE = (
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_IGNORE_INSTALLED"),
    *("PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_EDITABLE", "PIP_GROUP"),
    *("PIP_PLATFORM", "PIP_PYTHON_VERSION", "PIP_IMPLEMENTATION", "PIP_ABI", "PIP_NO_BINARY"),
)
"""What pip would do elsewhere, otherwise or not at all; left in the shell for another project."""


def split_lock(text: str) -> dict[str, str]:
    """Split a lock into its packages: the line that pins one, and that line with its hashes."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    return {block.splitlines()[0].rstrip(" \\"): block for block in blocks}


def read_parts(project_dir: Path) -> list[dict[str, str]]:
    """Read the locks as the parts to install, one after the other: pip itself, TensorFlow, then the others."""
    packages: dict[str, str] = {}
    for name in LOCKS:
        packages |= split_lock((project_dir / name).read_text(encoding="utf-8"))
    first = [pin for name in ("pip", "tensorflow") for pin in packages if pin.startswith(f"{name}==")]
    others = [pin for pin in packages if pin not in first]
    groups = [others[at : at + PACKAGES_IN_A_PART] for at in range(0, len(others), PACKAGES_IN_A_PART)]
    return [{pin: packages[pin] for pin in group} for group in [[pin] for pin in first] + groups]


def wanted_state(project_dir: Path) -> dict[str, str]:
    """Return what a finished set-up has written down: the Python, the place, the hash of the locks."""
    digest = hashlib.sha256()
    for name in LOCKS:
        digest.update((project_dir / name).read_bytes())
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"python": python, "place": str(project_dir / ".venv"), "locks": digest.hexdigest()}


def read_state(project_dir: Path) -> dict[str, str]:
    """Read what the last set-up has written down; empty where there was none, or none that can be read."""
    try:
        state = json.loads((project_dir / ".venv" / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(project_dir: Path, state: Mapping[str, str]) -> None:
    """Write down how far the set-up is, in one step."""
    path = project_dir / ".venv" / STATE
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(state, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    aside.replace(path)


def is_current(project_dir: Path) -> bool:
    """Tell whether the environment stands as the locks say."""
    return read_state(project_dir) == wanted_state(project_dir)


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


@contextlib.contextmanager
def only_one(project_dir: Path) -> Iterator[None]:
    """Hold the project's set-up lock, waiting for another set-up; the system releases it when its holder dies."""
    import fcntl  # noqa: PLC0415  (absent on native Windows, which is refused before)

    path = project_dir / ".setup" / "lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this folder: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pip_environment(project_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for pip: the user's index, certificates and proxies, with patience and the project's disk.

    Downloads go through a folder beside `.venv` instead of /tmp, which may be smaller than TensorFlow's wheel.
    """
    kept = {name: value for name, value in environ.items() if name not in OUT_OF_PLACE}
    return {**HOW_PIP_WORKS, **kept, "PIP_USER": "0", "TMPDIR": str(project_dir / ".setup" / "tmp")}


def _runs(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def remove_unfinished_packages(venv_dir: Path) -> None:
    """Remove the records of packages whose installation was cut off, so that pip installs them again.

    Installers write INSTALLER after a package's files; pip puts an old version aside under a name with `~`.
    """
    for site_dir in venv_dir.glob("lib/python3*/site-packages"):
        unfinished = [path for path in site_dir.glob("*.dist-info") if not (path / "INSTALLER").is_file()]
        for path in sorted({*unfinished, *site_dir.glob("~*")}):
            say(f"removing {path.name}, left by a set-up that was stopped")
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def make_venv(project_dir: Path) -> None:
    """Make `.venv`, or take the one that stands unless it is another Python's, was moved or does not start."""
    venv_dir, wanted = project_dir / ".venv", wanted_state(project_dir)
    python = venv_dir / "bin" / "python"
    same_python = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    stays = read_state(project_dir).get("place", wanted["place"]) == wanted["place"]
    if not (stays and _runs(python, "-I", "-c", same_python)):
        if venv_dir.is_symlink():
            venv_dir.unlink()
        elif venv_dir.exists():
            say(f"removing {venv_dir}: it was moved, belongs to another Python or is half made")
            shutil.rmtree(venv_dir)
        if not _runs(sys.executable, "-I", "-m", "venv", "--without-pip", venv_dir):
            raise SetupError(f"{venv_dir}: {sys.executable} -m venv fails; look there for rights and free space")
    write_state(project_dir, {"place": wanted["place"]})


def make_pip(venv_dir: Path) -> None:
    """Put the pip that Python brings into `.venv`, where none runs there."""
    python = venv_dir / "bin" / "python"
    if _runs(python, "-I", "-m", "pip", "--version"):
        return
    for site_dir in venv_dir.glob("lib/python3*/site-packages"):
        for half_made in [site_dir / "pip", *site_dir.glob("pip-*.dist-info")]:
            shutil.rmtree(half_made, ignore_errors=True)
    if not _runs(python, "-I", "-m", "ensurepip"):
        raise SetupError(f"{venv_dir}: {python} -m ensurepip fails; remove {venv_dir} and run `make setup` again")


def run_pip(project_dir: Path, command: str, part: Mapping[str, str], *options: str) -> None:
    """Run pip in `.venv` on a part of the lock, each file checked against the lock's hashes.

    Raises:
        SetupError: If pip fails; it has printed why.
    """
    lock_path = project_dir / ".setup" / "tmp" / "part.txt"
    lock_path.write_text("".join(part.values()), encoding="utf-8")
    fixed = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    fixed += [] if sys.stdin and sys.stdin.isatty() else ["--no-input"]
    python = project_dir / ".venv" / "bin" / "python"
    run = subprocess.run(
        [python, "-I", "-m", "pip", command, *fixed, *options, "-r", lock_path],
        env=pip_environment(project_dir, os.environ),
        check=False,
    )
    if run.returncode != 0:
        raise SetupError(
            "set-up stopped: pip has told why above; run `make setup` again when that is mended, it goes on from here"
        )


def install_part(project_dir: Path, part: Mapping[str, str]) -> None:
    """Install the packages of a part that are not there yet.

    A wheel on its own, TensorFlow's, is put on disk before it is unpacked, with its progress shown: a set-up stopped
    while unpacking does not fetch it again, whatever pip's cache holds.
    """
    pin = next(iter(part))
    # Byte code is compiled where a module is first imported: compiling all of it takes 20 s and 200 MB.
    options = ["--no-compile", "--quiet"]
    if pin.startswith("tensorflow=="):
        wheels_dir = project_dir / ".setup" / "wheels"
        if not list((project_dir / ".venv").glob(f"lib/python3*/site-packages/{pin.replace('==', '-')}.dist-info")):
            run_pip(project_dir, "download", part, "--dest", str(wheels_dir))
            options += ["--no-index", "--find-links", str(wheels_dir)]
        run_pip(project_dir, "install", part, *options)
        shutil.rmtree(wheels_dir, ignore_errors=True)
    else:
        run_pip(project_dir, "install", part, *options)


def set_up(project_dir: Path) -> None:
    """Make the environment as the locks say."""
    say(f"set-up of {project_dir / '.venv'} with Python {sys.version.split()[0]} ({sys.executable})")
    free = shutil.disk_usage(project_dir).free
    say(setup_needs.announcement(free))
    setup_needs.check_disk(project_dir, free)
    temporary_dir = project_dir / ".setup" / "tmp"
    shutil.rmtree(temporary_dir, ignore_errors=True)
    temporary_dir.mkdir(parents=True)
    try:
        make_venv(project_dir)
        remove_unfinished_packages(project_dir / ".venv")
        make_pip(project_dir / ".venv")
        parts = read_parts(project_dir)
        for number, part in enumerate(parts, start=1):
            pins = [pin.split(" ")[0] for pin in part]
            names = pins[0] if len(pins) == 1 else f"{pins[0].split('==')[0]} to {pins[-1].split('==')[0]}"
            say(f"[{number}/{len(parts)}] {names}")
            install_part(project_dir, part)
    finally:
        shutil.rmtree(temporary_dir, ignore_errors=True)
    write_state(project_dir, wanted_state(project_dir))
    say("set-up finished")


def main(arguments: list[str], project_dir: Path = PROJECT_DIR) -> int:
    """Check or make the environment; returns the exit status."""
    if arguments == ["--check"]:
        return 0 if is_current(project_dir) else 1
    try:
        setup_needs.check_platform()
        with only_one(project_dir):
            if not (is_current(project_dir) and _runs(project_dir / ".venv" / "bin" / "python", "-I", "-c", "")):
                set_up(project_dir)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(
            f"\n{place}{error.strerror or error}; the set-up writes into {project_dir} alone: free space or set the "
            "rights there, then run `make setup` again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nset-up stopped: run `make setup` again, it goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
