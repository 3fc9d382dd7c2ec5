"""Objects that a bucket has lost, written again by a machine whose copy of the artifact is whole.

What a machine has is read without asking the bucket, and another machine would make the artifact anew, with other
bytes where it is a model. So each listing is compared with the files that are here.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from cdiscount_tasks.artifacts.fetching import bytes_of, data_objects, folder_name_of, moving
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, parse_manifest
from cdiscount_tasks.artifacts.mirror import known_tag, place_in
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.errors import ConfigError, DataError

logger = logging.getLogger(__name__)


def lacks_objects(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Tell whether the bucket lacks an object of an artifact, or has it cut, and this machine has its file.

    Args:
        folder: The artifact, in a mirror.
        sizes: Of the bucket's objects, in bytes, by name.
    """
    try:
        if not any(path.name != MANIFEST for path in folder.iterdir()):
            return False  # nothing of it was fetched
        manifest = json.loads(bytes_of(folder))
        objects = data_objects(folder_name_of(place_in(folder, MANIFEST)), manifest)
        lost = [file for name, file in objects.items() if sizes.get(name) != manifest["files"][file]["size"]]
    except (OSError, *DAMAGE):
        return False
    return any((folder / file).is_file() for file in lost)


def push_lost(folder: Path) -> list[str]:
    """Write again what the bucket has lost of an artifact, from the files that are here and have their hashes.

    Returns:
        The objects that were written; none where the artifact was removed or made anew since it was listed, or the
        bucket does not take them: the caller only lists.
    """
    place, pushed = place_in(folder, MANIFEST), list[str]()
    store = open_store(place.url)
    try:
        with moving(place):
            known = known_tag(place)
            found = None if known is None else store.read(place.name, known)
            if found is None or found[1] != known:
                return pushed
            manifest = parse_manifest(bytes_of(folder), folder / MANIFEST)
            for name, file in data_objects(folder_name_of(place), manifest).items():
                expected, path, state = manifest["files"][file], folder / file, store.head(name)
                if (state and state.size == expected["size"]) or not path.is_file():
                    continue
                if hash_file(path) == expected["xxh3_128"]:
                    store.put(name, path)
                    pushed.append(name)
                    logger.warning("%s: was missing or cut; pushed again from this machine's copy", store.address(name))
    except (DataError, ConfigError, OSError) as error:
        logger.warning(
            "%s: cannot push again what the bucket has lost of it (%s)", store.address(folder_name_of(place)), error
        )
    return pushed
