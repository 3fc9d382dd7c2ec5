import re
from pathlib import Path

import pytest

from tools import setup_needs
from tools.setup_needs import GB, SetupError, platform_fault


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [("Linux", "x86_64", ("glibc", "2.36")), ("Linux", "aarch64", ("glibc", "2.28")), ("Darwin", "arm64", ("", ""))],
)
def test_platforms_with_a_tensorflow_wheel_are_taken(system, machine, libc):
    assert platform_fault(system, machine, libc) is None


@pytest.mark.parametrize(
    ("system", "machine", "libc", "words"),
    [
        ("Windows", "AMD64", ("", ""), "WSL2"),
        ("Darwin", "x86_64", ("", ""), "Intel Macs.*Linux"),
        ("Linux", "armv7l", ("glibc", "2.36"), "armv7l"),
        ("Linux", "x86_64", ("", ""), "musl"),
        ("Linux", "x86_64", ("glibc", "2.17"), "glibc 2.28 or newer.*found glibc 2.17"),
    ],
)
def test_other_platforms_are_refused_with_the_way_out(system, machine, libc, words):
    assert re.search(words, platform_fault(system, machine, libc))


def test_too_little_disk_is_refused_with_both_sizes(tmp_path):
    with pytest.raises(SetupError, match=r"2\.0 GB are free, expected at least [34]\.\d GB"):
        setup_needs.check_disk(tmp_path, free=2 * GB)


def test_enough_disk_is_taken(tmp_path):
    setup_needs.check_disk(tmp_path, free=5 * GB)


def test_less_disk_is_needed_once_tensorflow_stands(tmp_path: Path):
    record_dir = tmp_path / ".venv/lib/python3.12/site-packages/tensorflow-2.21.0.dist-info"
    record_dir.mkdir(parents=True)
    (record_dir / "INSTALLER").touch()
    setup_needs.check_disk(tmp_path, free=2 * GB)


def test_the_announcement_tells_what_is_fetched_and_what_is_free():
    assert "MB" in setup_needs.announcement(5 * GB)
    assert "5.0 GB are free" in setup_needs.announcement(5 * GB)
