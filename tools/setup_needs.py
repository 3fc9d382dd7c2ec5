"""What the set-up needs of a machine: a platform with a TensorFlow wheel, and free disk. Standard library alone."""

import platform
import re
from pathlib import Path

GB = 10**9

TENSORFLOW_WHEEL_MB = {("Linux", "x86_64"): 573, ("Linux", "aarch64"): 282, ("Darwin", "arm64"): 223}
"""Sizes of TensorFlow 2.21's wheels; all other packages together are about 290 MB to fetch, on each of them."""
OTHER_WHEELS_MB = 290
VENV_GB = {("Linux", "x86_64"): 2.8, ("Linux", "aarch64"): 2.1, ("Darwin", "arm64"): 1.9}
"""Size of a finished `.venv`: measured on Linux x86-64, from the unpacked size of TensorFlow's wheel on the others."""
SMALLEST_GLIBC = (2, 28)


class SetupError(Exception):
    """What hinders the set-up and can be mended by the person at the terminal."""


def platform_fault(system: str, machine: str, libc: tuple[str, str]) -> str | None:
    """Tell in a sentence why TensorFlow cannot be installed on a platform, or None.

    Args:
        system: As `platform.system()` names it.
        machine: As `platform.machine()` names it.
        libc: As `platform.libc_ver()` gives it; looked at on Linux only.
    """
    if system == "Windows":
        return "TensorFlow has no wheel for native Windows: install WSL2 (wsl --install) and run make inside it"
    if (system, machine) == ("Darwin", "x86_64"):
        return (
            "TensorFlow has no wheel for Intel Macs: use a Linux machine, or a Linux virtual machine on this one (if "
            "this Mac has an Apple chip, its Python is an Intel build: brew install python@3.13 gets a native one)"
        )
    if (system, machine) not in TENSORFLOW_WHEEL_MB:
        return (
            f"TensorFlow has no wheel for {system} on {machine}: use 64-bit Linux (x86-64, arm64) or a Mac with an "
            "Apple chip"
        )
    if system == "Linux":
        name, version = libc
        numbers = tuple(int(digits) for digits in re.findall(r"\d+", version)[:2])
        if name != "glibc" or numbers < SMALLEST_GLIBC:
            found = f"{name} {version}".strip() or "another C library, such as Alpine's musl"
            return (
                f"the packages need a Linux with glibc {'.'.join(map(str, SMALLEST_GLIBC))} or newer (Debian 10, "
                f"Ubuntu 20.04, RHEL 8 and their successors), found {found}: use such a system or a container of it"
            )
    return None


def check_platform() -> None:
    """Refuse a platform on which TensorFlow cannot be installed.

    Raises:
        SetupError: With the way out.
    """
    fault = platform_fault(platform.system(), platform.machine(), platform.libc_ver())
    if fault:
        raise SetupError(fault)


def _platform() -> tuple[str, str]:
    return platform.system(), platform.machine()


def announcement(free: int) -> str:
    """Tell what the set-up will fetch and need, given the free disk in bytes."""
    wheel_mb = TENSORFLOW_WHEEL_MB[_platform()]
    return (
        f"  to fetch: about {wheel_mb + OTHER_WHEELS_MB} MB, TensorFlow's wheel alone {wheel_mb} MB; what is there "
        "already is not fetched again\n"
        f"  on disk: about {VENV_GB[_platform()]:.1f} GB; {free / GB:.1f} GB are free"
    )


def required_bytes(project_dir: Path) -> int:
    """Return how much free disk the set-up needs: all of it, or a little where TensorFlow stands already."""
    if list((project_dir / ".venv").glob("lib/python3*/site-packages/tensorflow-*.dist-info/INSTALLER")):
        return GB
    wheel_gb = TENSORFLOW_WHEEL_MB[_platform()] / 1000
    return int((VENV_GB[_platform()] + wheel_gb + 0.5) * GB)


def check_disk(project_dir: Path, free: int) -> None:
    """Refuse to begin what cannot end.

    Args:
        project_dir: The project, on whose disk `.venv` is made.
        free: Free bytes there.

    Raises:
        SetupError: If less is free than the set-up needs.
    """
    needed = required_bytes(project_dir)
    if free < needed:
        raise SetupError(
            f"{project_dir}: {free / GB:.1f} GB are free, expected at least {needed / GB:.1f} GB; free space there, or "
            "move the project to another disk"
        )
