"""A catalogue on a disk that is put into a bucket as it is."""

from pathlib import Path

from cdiscount_tasks.settings.catalogue_places import place_of


def put_catalogue(server, bucket, path):
    """Write a file into a bucket, below a folder; returns its place there."""
    place = place_of(f"{bucket}/catalogues/{Path(path).name}")
    server.put(place.url, Path(path).read_bytes())
    return place
