"""Builds the image of the Dockerfile with buildah, without a daemon: on a base that debootstrap makes.

The builder's own settings of pip reach the build from outside (docs/decisions/0007), as mounted files: what its
configuration and its environment variables say, the certificates that this machine trusts. Nothing of them stays in the
image.
"""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

from cdiscount_tasks.settings.environment import PROJECT_DIR

NEEDED = ("buildah", "debootstrap")
_PIP_FILES = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
_PACKAGES_OF_BASE = "python3,python3-venv,ca-certificates"


def missing() -> str | None:
    """Return why no image can be built here, or None."""
    if os.geteuid() != 0:
        return "buildah's chroot isolation and debootstrap need root here"
    absent = [name for name in NEEDED if shutil.which(name) is None]
    return f"{' and '.join(absent)} absent: `apt-get install {' '.join(NEEDED)}`" if absent else None


def _folders_of(pip_file: Path) -> set[Path]:
    """Return the local folders that a configuration file of pip names: indexes and wheels on this machine."""
    parser = configparser.RawConfigParser()
    parser.read(pip_file)
    words = [word for section in parser.sections() for _, value in parser.items(section) for word in value.split()]
    folders = {Path(word.removeprefix("file://")) for word in words}
    # The pages of an index may lead to files beside it.
    folders = {folder.parent if folder.name == "simple" else folder for folder in folders}
    return {folder for folder in folders if folder.is_absolute() and folder.is_dir()}


def build_settings(folder: Path) -> list[str]:
    """Return the arguments that let pip in a build reach what pip on this machine reaches.

    Args:
        folder: Where a file for the build is written: a variable would stay in the image, a mounted file does not.
    """
    files = [path for path in (Path(name).expanduser() for name in _PIP_FILES) if path.is_file()]
    mounts = {Path("/etc/ssl/certs"), *(inner for file in files for inner in _folders_of(file))}
    merged = configparser.RawConfigParser()
    merged.read(files)
    if not merged.has_section("global"):
        merged.add_section("global")
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE":
            merged.set("global", name.removeprefix("PIP_").lower().replace("_", "-"), value)
    with (folder / "pip.conf").open("w", encoding="utf-8") as file:
        merged.write(file)
    return [f"--volume={path}:{path}:ro" for path in sorted(mounts)] + [f"--volume={folder}/pip.conf:/etc/pip.conf:ro"]


class Builder:
    """Buildah with a store of its own, which is removed with its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._buildah = ["buildah", f"--root={folder}/store", f"--runroot={folder}/run", "--storage-driver=vfs"]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run buildah."""
        command = ["nice", "-n", "10", *self._buildah, *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT_DIR)
        assert not check or answer.returncode == 0, (answer.stdout + answer.stderr)[-4000:]
        return answer

    def make_base(self, release: str, made: str | None = None) -> None:
        """Make the image `base`: a Debian with Python and nothing to build with.

        Args:
            release: Debian's code name.
            made: A folder that debootstrap has filled already.
        """
        root = self.folder / "root"
        if made is None:
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES_OF_BASE}", release, str(root)]
            subprocess.run(command, check=True, capture_output=True)
        container = self.run("from", "scratch").stdout.strip()
        there = self.run("mount", container).stdout.strip()
        subprocess.run(["cp", "--archive", f"{made or root}/.", there], check=True)
        self.run("commit", "--rm", container, "base")
        shutil.rmtree(root, ignore_errors=True)

    def build(self, name: str, **build_arguments: str) -> None:
        """Build the Dockerfile."""
        given = [f"--build-arg={key}={value}" for key, value in build_arguments.items()]
        self.run(
            "bud", "--isolation=chroot", "--layers=false", "--pull-never", *build_settings(self.folder),
            "--build-arg=BASE_IMAGE=localhost/base", *given, f"--tag={name}", ".",
        )  # fmt: skip

    def start(self, name: str) -> str:
        """Return a container of an image."""
        return self.run("from", "--pull-never", f"localhost/{name}").stdout.strip()

    def run_inside(
        self, container: str, *command: str, user: str = "50000:0", volumes: tuple[str, ...] = (), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a container, as a user of any number."""
        settings = [f"--env={key}={value}" for key, value in environ.items()] + [f"--volume={each}" for each in volumes]
        arguments = ["run", "--isolation=chroot", f"--user={user}", *settings, container, "--", *command]
        return self.run(*arguments, check=False)

    def remove(self) -> None:
        """Remove everything that was built."""
        self.run("umount", "--all", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
