"""`make sbom`: what is in each image of `deploy/`, as lists in CycloneDX: packages, versions, hashes.

Written by OWASP's `cyclonedx-py`, of `.venv-sbom`, into `sbom/<image>.cdx.json`. They list all of the locks, for every
platform and Python: of a package that differs between Pythons, every version. The base image's own packages are not in
them.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from tools.airflow.home import PROJECT_DIR, ToolError
from tools.command import exit_status, say

VENV = ".venv-sbom"
_OF_WORKERS = ("requirements.txt", "requirements-fleet.txt")
LOCKS = {
    "cdiscount": _OF_WORKERS,
    "cdiscount-gpu": (*_OF_WORKERS, "requirements-gpu.txt"),
    "cdiscount-control": ("requirements-control.txt",),
}
"""The lock files of each image: the build argument LOCKS of the Dockerfile."""


def _requirements(text: str) -> str:
    """Return each requirement of joined locks once, with its hashes: two locks of an image share most packages."""
    each = re.split(r"\n(?=[A-Za-z0-9])", text)
    once = {one.split(" ", 1)[0]: one for one in each if "==" in one.split("\n", 1)[0]}
    return "\n".join(once.values())


def write_sbom(out_path: Path, locks: tuple[str, ...], project_dir: Path = PROJECT_DIR) -> int:
    """Write the list of an image's packages.

    Args:
        out_path: The file to write, JSON of CycloneDX.
        locks: Lock files, in the project's folder.
        project_dir: Where they are, and `.venv-sbom`.

    Returns:
        How many packages it lists.

    Raises:
        ToolError: If a lock or the program is missing, or the program refuses; with its last words.
    """
    program = project_dir / VENV / "bin" / "cyclonedx-py"
    if not program.exists():
        raise ToolError(f"{program} is missing; `make sbom` installs it")
    if absent := [name for name in locks if not (project_dir / name).is_file()]:
        raise ToolError(
            f"{project_dir}: {', '.join(absent)} missing, expected the locks of {out_path.name}; `make lock`"
        )
    text = _requirements("\n".join((project_dir / name).read_text("utf-8") for name in locks))
    out_path.parent.mkdir(parents=True, exist_ok=True)
    about = ["--pyproject", str(project_dir / "pyproject.toml"), "--output-reproducible", "--validate"]
    command = [str(program), "requirements", *about, "--output-file", str(out_path), "-"]
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        last = (answer.stderr.strip() or "no reason given").splitlines()[-1]
        raise ToolError(f"{out_path}: cyclonedx-py could not write it: {last}")
    return len(json.loads(out_path.read_text("utf-8"))["components"])


def main(out_dir: Path = PROJECT_DIR / "sbom") -> None:
    """Write the lists of all images."""
    for image, locks in LOCKS.items():
        path = out_dir / f"{image}.cdx.json"
        say(f"{path}: {write_sbom(path, locks)} packages")


if __name__ == "__main__":
    sys.exit(exit_status(main))
