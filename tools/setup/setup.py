"""`make setup`: the project's `.venv`, with exactly the packages of the two hashed locks.

Run by `tools/setup/setup.sh` with the Python that `.venv` is made with; needs the standard library alone. Why pip, and
what happens to a set-up that is stopped: docs/decisions/0001-set-up-with-pip.md.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PATIENCE = {"PIP_DEFAULT_TIMEOUT": "120", "PIP_RETRIES": "8", "PIP_RESUME_RETRIES": "100"}  # unless the user has others
ELSEWHERE = {f"PIP_{name}" for name in ("TARGET", "PREFIX", "ROOT", "PYTHON", "NO_BINARY", "CONSTRAINT", "DRY_RUN")}
FETCHED_GB, TENSORFLOW_GB, VENV_GB = 0.86, 0.57, 2.8  # measured on Linux x86-64, less on other platforms


def read_stamps(project_dir: Path) -> tuple[list[bytes], list[bytes]]:
    """Return the stamp in `.venv` and the one that it must have: Python's version, the locks' hash, the place."""
    digest = hashlib.sha256(b"".join((project_dir / name).read_bytes() for name in LOCKS)).hexdigest()
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]} {digest} ".encode() + os.fsencode(project_dir)
    path, python = project_dir / ".venv" / "setup.stamp", project_dir / ".venv" / "bin" / "python"
    # `python` is a link: where the Python that `.venv` was made with is gone, its stamp says nothing.
    found = path.read_bytes() if path.is_file() and python.exists() else b""
    return found.split(b" ", 2), wanted.split(b" ", 2)


def is_current(project_dir: Path) -> bool:
    """Tell whether `.venv` is as the locks say."""
    found, wanted = read_stamps(project_dir)
    return found == wanted


def check_platform(system: str, machine: str, libc: tuple[str, str]) -> None:
    """Refuse a platform without a TensorFlow wheel, given the words of Python's `platform`."""
    version = [int(digits) for digits in re.findall(r"\d+", libc[1])]
    fits = system == "Linux" and machine in ("x86_64", "aarch64") and libc[0] == "glibc" and version >= [2, 28]
    if not fits and (system, machine) != ("Darwin", "arm64"):
        sys.exit(
            f"TensorFlow has no wheel for {system} on {machine} {' '.join(libc).strip()}: use 64-bit Linux with glibc "
            "2.28 or newer (not Alpine), a Mac with an Apple chip and a native Python, or WSL2 on Windows"
        )


def check_disk(project_dir: Path) -> None:
    """Say what is fetched, and refuse to begin where the disk is too small for it."""
    free_gb = shutil.disk_usage(project_dir).free / 1e9
    print(f"  to fetch: up to {FETCHED_GB} GB, of it TensorFlow {TENSORFLOW_GB} GB; less what is in pip's cache")
    print(f"  on disk: up to {VENV_GB} GB; {free_gb:.1f} GB are free")
    has_tensorflow = any((project_dir / ".venv").glob("lib/python3*/site-packages/tensorflow-*.dist-info"))
    needed_gb = 1.0 if has_tensorflow else VENV_GB + 2 * FETCHED_GB  # the wheels, and pip's cache of them
    if free_gb < needed_gb:
        sys.exit(f"{project_dir}: {free_gb:.1f} GB are free, expected at least {needed_gb:.1f} GB; free space there")


def make_venv(project_dir: Path) -> None:
    """Make `.venv`; one that was finished and has this Python and this place is kept, whatever its locks."""
    venv_dir = project_dir / ".venv"
    if venv_dir.is_symlink():
        venv_dir.unlink()  # never install into what it leads to
    found, wanted = read_stamps(project_dir)
    if found[::2] == wanted[::2]:
        return
    if venv_dir.exists():
        print(f"removing {venv_dir}: it is unfinished, was moved, or has a different Python")
        shutil.rmtree(venv_dir)
    if subprocess.run([sys.executable, "-I", "-m", "venv", venv_dir], check=False).returncode != 0:
        sys.exit(f"{venv_dir}: {sys.executable} -m venv fails and says above why; look there for rights and free space")


def install(project_dir: Path, *locks: str, venv: str = ".venv") -> None:
    """Install locks with pip, each file checked against its hashes, into `venv`; a broken download is resumed."""
    kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    # Many a /tmp is smaller than TensorFlow's wheel; what a killed pip leaves in the environment is removed with it.
    environment = {**PATIENCE, **kept, "PIP_USER": "0", "TMPDIR": str(project_dir / venv)}
    # Byte code is compiled where a module is first imported: compiling all of it takes 20 s and 200 MB.
    how = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "--disable-pip-version-check"]
    how += [] if sys.stdout.isatty() else ["--quiet", "--no-input"]
    how += [f"--requirement={name}" for name in locks]
    command = [str(project_dir / venv / "bin" / "python"), "-I", "-m", "pip", "install", *how]
    # pip inherits the lock's open file, so that the lock lasts as long as the pip of a killed set-up.
    if subprocess.run(command, cwd=project_dir, env=environment, close_fds=False, check=False).returncode != 0:
        sys.exit("\nset-up stopped: pip says above why; if it is the network, check HTTPS_PROXY and PIP_INDEX_URL")


def set_up(project_dir: Path) -> None:
    """Make `.venv` as the locks say; it has no stamp until that is finished."""
    print(f"set-up of {project_dir / '.venv'} with Python {platform.python_version()} ({sys.executable})")
    check_disk(project_dir)
    make_venv(project_dir)
    (project_dir / ".venv" / "setup.stamp").unlink(missing_ok=True)
    # pip first: the one that Python brings may be too old to resume a download.
    for pip in re.findall(r"(?m)^pip==.*\n(?:[ #].*\n)*", (project_dir / LOCKS[1]).read_text("utf-8")):
        (project_dir / ".venv" / "pip.txt").write_text(pip, "utf-8")
        install(project_dir, ".venv/pip.txt")
    install(project_dir, *LOCKS)
    (project_dir / ".venv" / "setup.stamp").write_bytes(b" ".join(read_stamps(project_dir)[1]))
    print("set-up finished")


def main(project_dir: Path = PROJECT_DIR) -> None:
    """Make the environment unless it is as the locks say; one set-up at a time."""
    check_platform(platform.system(), platform.machine(), platform.libc_ver())
    try:
        (project_dir / ".setup").mkdir(exist_ok=True)
        with (project_dir / ".setup" / "lock").open("w") as lock:
            os.set_inheritable(lock.fileno(), True)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("waiting: another set-up is at work in this folder")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_current(project_dir):
                set_up(project_dir)
    except OSError as error:
        sys.exit(f"\n{error.filename or project_dir}: {error.strerror}; look there for rights and free space")
    except KeyboardInterrupt:
        sys.exit("\nset-up stopped: run `make setup` again, it starts over with what pip's cache holds")


if __name__ == "__main__":
    sys.exit(not is_current(PROJECT_DIR)) if "--check" in sys.argv else main()
