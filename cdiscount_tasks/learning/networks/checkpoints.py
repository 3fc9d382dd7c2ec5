"""The newest states of one training on disk: each is a file that is whole, or is not used.

A file carries the hash of its bytes in its name, so that a torn or changed one is known without opening it. The last
two states are kept: should the newest be damaged, the one before continues the training.
"""

import json
import logging
import os
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.training_folder import push_states

logger = logging.getLogger(__name__)

_NUM_KEPT = 2
_FACTS = "facts"


class Checkpoint(NamedTuple):
    """A state of a training: small facts as JSON, and arrays by name."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Checkpoints:
    """The states of one training, named by what decides its result: another's are never taken for its own."""

    def __init__(self, folder: Path, key: str) -> None:
        """Open or make the folder, and remove what a writer that died left half written.

        Args:
            folder: Of this training alone; its process is the only one that writes there.
            key: Of the model that is trained, and of the phase; a state that carries another is not used.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)
        self._folder, self._key = folder, key

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*-*.npz"))

    def save(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bool:
        """Write a state and remove all but the last two.

        A disk that is full costs this state, not the training: it is told, and training continues.

        Returns:
            Whether it was written.
        """
        part = self._folder / f".{uuid.uuid4().hex}.part"
        text = json.dumps({**facts, "key": self._key}, sort_keys=True).encode()
        earlier = self._paths()
        number = int(earlier[-1].name.split("-")[0]) + 1 if earlier else 0
        try:
            with part.open("wb") as file:
                np.savez(file, **{_FACTS: np.frombuffer(text, np.uint8)}, **arrays)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / f"{number:08d}-{hash_file(part)}.npz")
        except OSError as error:
            part.unlink(missing_ok=True)
            logger.warning("%s: this checkpoint could not be written (%s); training continues", self._folder, error)
            return False
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        for path in earlier[: 1 - _NUM_KEPT]:
            path.unlink(missing_ok=True)
        push_states(self._folder)
        return True

    def newest(self) -> Checkpoint | None:
        """Return the newest state that is whole and of this training, or None; damaged ones are told and removed.

        Raises:
            OSError: If one cannot be read for now: it may be whole, and a retry may find it.
        """
        for path in reversed(self._paths()):
            try:
                if hash_file(path) != path.stem.split("-")[1]:
                    raise ValueError("its bytes are not those that were written")
                with np.load(path, allow_pickle=False) as file:
                    arrays = {name: file[name] for name in file.files}
                facts = json.loads(arrays.pop(_FACTS).tobytes())
            except (ValueError, KeyError, zipfile.BadZipFile) as error:
                logger.warning("checkpoint %s cannot be used (%s): the one before it is tried", path.name, error)
                path.unlink(missing_ok=True)
                continue
            if facts.pop("key") == self._key:
                return Checkpoint(facts, arrays)
            logger.info("checkpoint %s is of another training: not used", path.name)
        return None
