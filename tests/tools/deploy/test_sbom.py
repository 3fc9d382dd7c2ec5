import json
import re

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tools.airflow.home import ToolError
from tools.deploy.sbom import LOCKS, VENV, write_sbom


def pinned(locks):
    """Return each package and version of lock files, and a hash that each has."""
    found = {}
    for lock in locks:
        for line in re.split(r"\n(?=[a-z])", (PROJECT_DIR / lock).read_text("utf-8")):
            if match := re.match(r"([a-z0-9._-]+)==([^ \\\n]+)", line):
                found[match[1], match[2]] = set(re.findall(r"sha256:([0-9a-f]{64})", line))
    return found


@pytest.mark.deploy
@pytest.mark.parametrize("image", LOCKS)
def test_it_lists_the_whole_lock(tmp_path, image):
    if not (PROJECT_DIR / VENV / "setup.stamp").exists():
        pytest.skip(f"{PROJECT_DIR / VENV} is absent: `make sbom` makes it")
    wanted = pinned(LOCKS[image])
    assert write_sbom(tmp_path / "list.json", LOCKS[image]) == len(wanted)
    sbom = json.loads((tmp_path / "list.json").read_text("utf-8"))
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "cdiscount-tasks")
    listed = {(each["name"].lower(), each["version"]): each for each in sbom["components"]}
    assert set(listed) == set(wanted)
    for package, hashes in wanted.items():
        named = {one["content"] for ref in listed[package]["externalReferences"] for one in ref.get("hashes", [])}
        assert named == hashes, package


@pytest.mark.deploy
def test_a_list_names_no_host_of_the_machine_that_made_it(tmp_path):
    if not (PROJECT_DIR / VENV / "setup.stamp").exists():
        pytest.skip(f"{PROJECT_DIR / VENV} is absent: `make sbom` makes it")
    write_sbom(tmp_path / "list.json", LOCKS["cdiscount-control"])
    components = json.loads((tmp_path / "list.json").read_text("utf-8"))["components"]
    assert set(re.findall(r"[a-z]+://([^/\"]+)", json.dumps(components))) == {"pypi.org"}


def test_a_missing_program_and_a_missing_lock_are_named(tmp_path):
    with pytest.raises(ToolError, match="`make sbom` installs it"):
        write_sbom(tmp_path / "list.json", ("requirements.txt",), tmp_path)
    program = tmp_path / VENV / "bin" / "cyclonedx-py"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho first >&2; echo no good >&2; exit 3\n")
    program.chmod(0o755)
    with pytest.raises(ToolError, match=r"requirements\.txt missing"):
        write_sbom(tmp_path / "list.json", ("requirements.txt",), tmp_path)
    (tmp_path / "requirements.txt").touch()
    with pytest.raises(ToolError, match="cyclonedx-py could not write it: no good"):
        write_sbom(tmp_path / "list.json", ("requirements.txt",), tmp_path)
