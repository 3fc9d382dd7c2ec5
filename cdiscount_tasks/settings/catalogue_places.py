"""Where a catalogue is: a file's path, or an object in a bucket. Loads nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import checked_url, names_bucket


@dataclass(frozen=True)
class ObjectPlace:
    """A large object in a bucket, used where the path of a file may be used; as a text it is its URL.

    Attributes:
        url: Such as `s3://bucket/folder/train.bson`.
    """

    url: str

    def __str__(self) -> str:
        """Return the URL."""
        return self.url

    @property
    def name(self) -> str:
        """Return the last part of the URL, as a path has it."""
        return self.url.rpartition("/")[2]

    @property
    def store_url(self) -> str:
        """Return the URL of the folder, or the bucket, that the object is in."""
        return self.url.rpartition("/")[0]

    def absolute(self) -> "ObjectPlace":
        """Return the same place: a URL is never relative."""
        return self


Place = Path | ObjectPlace


def place_of(text: str, what: str = "the catalogue") -> Place:
    """Return the place that a text names.

    Args:
        text: A path, or the URL of an object.
        what: Where the text was found, for the sentence.

    Raises:
        ConfigError: If a URL is none that can be used, or names a whole bucket.
    """
    if not names_bucket(text):
        return Path(text)
    url = checked_url(text, what)
    if url.count("/") < 3:
        raise ConfigError(f"{what} is {url!r}, which is a whole bucket; expected an object in it: {url}/train.bson")
    return ObjectPlace(url)
