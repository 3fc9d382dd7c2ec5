"""A catalogue on a disk that is put into a bucket as it is."""

import json
from pathlib import Path

from cdiscount_tasks.settings.catalogue_places import place_of
from tests.material.indexing import index_catalogue
from tests.material.synthetic_catalogue import write_catalogue


def make_catalogue(folder, num_bytes):
    """Return a catalogue on a disk with documents as large as real ones, its index, and its category ids, ascending."""
    path = folder / "train.bson"
    write_catalogue(path, num_bytes)
    index_dir = Path(index_catalogue(path, folder / "index")["path"])
    profile = json.loads((index_dir / "profile.json").read_text("utf-8"))
    return path, index_dir, sorted(int(one["category_id"]) for one in profile["categories"])


def put_catalogue(server, bucket, path):
    """Write a file into a bucket, below a folder; returns its place there."""
    place = place_of(f"{bucket}/catalogues/{Path(path).name}")
    server.put(place.url, Path(path).read_bytes())
    return place
