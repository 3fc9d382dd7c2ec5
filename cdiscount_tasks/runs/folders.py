"""Runs of a sample: the folder, the frozen config and the copied inputs of each."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import xxhash

from cdiscount_tasks.settings.environment import Environment

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


def run_folder(run_id: str) -> str:
    """Return the folder name of a run: Airflow's run ids hold characters that folders and links cannot.

    They have up to 250 characters, and a folder's name 255 bytes: of long ones the beginning stands.
    """
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', run_id)[:200]}-{xxhash.xxh3_128_hexdigest(run_id.encode())[:6]}"


def index_parent_dir(environment: Environment, catalogue_fingerprint: str) -> Path:
    """Return the folder of a catalogue's index and of the parts of its scan."""
    return environment.work_dir / "catalogues" / catalogue_fingerprint
