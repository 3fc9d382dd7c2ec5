"""Where the catalogue is that a sample's images were left in: a note beside the sample, not a part of it.

An artifact may be moved, and a catalogue mounted elsewhere: `sample-<key>.catalogue.json` is written anew whenever the
sample is drawn or found, and says nothing that decides what the sample holds.
"""

import json
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import DAMAGE, write_json
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.catalogue_places import Place, place_of

SUFFIX = ".catalogue.json"


class CatalogueNote(NamedTuple):
    """Where a sample's images were left.

    Attributes:
        catalogue: The BSON file, or the object.
        num_bytes: It has at least so many: the last of the sample's images ends there.
    """

    catalogue: Place
    num_bytes: int


def note_path(sample_dir: Path) -> Path:
    """Return where the note of a sample is."""
    return sample_dir.with_name(f"{sample_dir.name}{SUFFIX}")


def write_note(sample_dir: Path, note: CatalogueNote) -> None:
    """Put a sample's note in place in one step."""
    value = {"catalogue": str(note.catalogue), "num_bytes": note.num_bytes}
    with disk_faults_told(sample_dir):
        replace_file(note_path(sample_dir), lambda aside: write_json(aside, value))


def read_note(sample_dir: Path) -> CatalogueNote:
    """Return where a sample's images were left.

    Raises:
        DataError: If the note is missing or damaged.
        OSError: If it cannot be read for now.
    """
    path = note_path(sample_dir)
    pull(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return CatalogueNote(place_of(found["catalogue"]), int(found["num_bytes"]))
    except (FileNotFoundError, ConfigError, *DAMAGE) as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
        raise DataError(
            f"{path}: {what}; it says in which catalogue the images of {sample_dir.name} are: trigger a new run, whose "
            "task draw_sample writes it"
        ) from error
