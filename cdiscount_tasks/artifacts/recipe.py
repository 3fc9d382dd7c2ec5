"""What decides an artifact, and so its key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.manifest import read_manifest

_KEY_DIGITS = 16


def versions(*packages: str) -> dict[str, str]:
    """Return the version of each installed package, by its name."""
    return {name: metadata.version(name) for name in packages}


@dataclass(frozen=True)
class Recipe:
    """What decides an artifact's content, and with it its key.

    Attributes:
        stage: The noun that the artifact carries, such as `labels`.
        version: The stage's VERSION, raised whenever the meaning of its output changes.
        config: The stage's part of the config, as JSON.
        inputs: Input artifacts by name; their identities count, not where they lie.
        files: Hashes of outside files by name.
        libraries: Versions of the libraries whose behaviour changes the output.
    """

    stage: str
    version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as it is hashed and written to the manifest."""
        return {
            "stage": self.stage,
            "version": self.version,
            "config": dict(self.config),
            "inputs": {name: read_manifest(path)["identity"] for name, path in self.inputs.items()},
            "files": dict(self.files),
            "libraries": dict(self.libraries),
        }

    @property
    def key(self) -> str:
        """Return the 16 hex digits of the recipe's xxh3-128."""
        return hash_json(self.as_json())[:_KEY_DIGITS]

    def dir_in(self, parent: Path) -> Path:
        """Return where the artifact stands or will stand."""
        return parent / f"{self.stage}-{self.key}"
