"""A stage whose requests to a bucket go wrong: it ends right or in a sentence, and publishes nothing half."""

import re
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.manifest import MANIFEST, verify_artifact
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from tests.material.fault_proxy import random_plan

_SENTENCES = (ConfigError, DataError, StoreAway)
_ARTIFACT = re.compile(r"(?!parts-)[a-z]+-[0-9a-f]{16}")


class Tried(NamedTuple):
    """How a stage ended with a fault at one of its requests.

    Attributes:
        fault: What happened.
        number: To which of its requests.
        ended: `right`, `sentence`, or what is wrong.
        said: The sentence.
    """

    fault: str
    number: int
    ended: str
    said: str = ""


def content_of(place):
    """Return the artifacts below a folder: each file's hash, but of manifests, which have times, by its name alone."""
    found = {}
    for manifest_path in sorted(Path(place).rglob(MANIFEST)):
        for path in sorted(manifest_path.parent.iterdir()):
            name = f"{manifest_path.parent.name}/{path.name}"
            found[name] = "" if path.name == MANIFEST else hash_file(path)
    return found


def half_published(place):
    """Return what of the artifacts below a folder is not whole."""
    faults = []
    for folder in sorted(path for path in Path(place).rglob("*-*") if path.is_dir() and _ARTIFACT.fullmatch(path.name)):
        try:
            verify_artifact(folder)
        except (DataError, OSError) as error:
            faults.append(str(error))
    return faults


def half_published_in_bucket(server, bucket):
    """Return what a bucket's manifests name and the bucket lacks."""
    import json

    names = server.names(bucket)
    faults = []
    for manifest in (name for name in names if name.endswith(f"/{MANIFEST}")):
        files = json.loads(server.read(f"{bucket}/{manifest}"))["files"]
        wanted = {f"{manifest.removesuffix(MANIFEST)}{file}.{facts['xxh3_128']}" for file, facts in files.items()}
        faults += sorted(wanted - set(names))
    return faults


def _try_once(make, place, expected, proxy, fault, number, faults_of):
    """Make a stage while a request goes wrong, and again with none; returns how it ended."""
    proxy.begin({number: fault}, slow_s=0.05)
    try:
        make(place)
        tried = Tried(fault.name, number, "right")
    except _SENTENCES as error:
        tried = Tried(fault.name, number, "sentence", str(error))
    except Exception as error:
        return Tried(fault.name, number, f"{type(error).__name__} rather than a sentence", str(error))
    proxy.begin()
    if faults := faults_of(place):
        return tried._replace(ended="half published", said="; ".join(faults))
    if tried.ended == "sentence":
        make(place)  # what a task that is cleared does
    if faults_of(place) or content_of(place) != expected:
        return tried._replace(ended=f"other content, after {tried.ended}")
    return tried


def try_faults(make, folder, proxy, faults, num_tried=20, seed=0, faults_of=half_published):
    """Make a stage once undisturbed, then anew for each fault at each of some random requests.

    Args:
        make: Makes the stage, given an empty folder, or one in which an earlier call was disturbed.
        folder: Where the folders are made.
        proxy: What all its requests pass.
        faults: Which are tried.
        num_tried: At so many requests each; at all of them where the stage has fewer.
        seed: Decides which requests.
        faults_of: Says what is half published, given the stage's folder.

    Returns:
        How each ended, and how many requests the undisturbed stage has.
    """
    proxy.begin()
    make(folder / "undisturbed")
    num_requests, expected = proxy.num_requests, content_of(folder / "undisturbed")
    assert expected, "the stage makes no artifact"
    assert faults_of(folder / "undisturbed") == []
    tried = []
    for fault in faults:
        for number in random_plan(seed, fault, num_requests, num_tried):
            place = folder / f"{fault.name}-{number}"
            tried.append(_try_once(make, place, expected, proxy, fault, number, faults_of))
    return tried, num_requests
