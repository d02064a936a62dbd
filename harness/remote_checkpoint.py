"""The unfinished state of a stage, which another machine can go on with."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

from harness.errors import StoreError
from harness.objects import Objects
from harness.store import FileCheckpoint

SAVE_SECONDS = 30.0
"""A state is put at most that often."""


class RemoteCheckpoint(FileCheckpoint):
    """A file that is put there, too, but not each time."""

    def __init__(self, path: Path, objects: Objects, name: str) -> None:
        super().__init__(path)
        self._objects, self._name, self._put, self._there = objects, name, -SAVE_SECONDS, path.is_file()

    def save(self, state: bytes) -> None:
        """Replace the state; that it cannot be put is no reason to end a training."""
        super().save(state)
        if time.monotonic() - self._put >= SAVE_SECONDS:
            self._put, self._there = time.monotonic(), True
            try:
                self._objects.put(self._name, self.path)
            except StoreError as error:
                warnings.warn(f"the unfinished state stays on this machine: {error}", stacklevel=2)

    def remove(self) -> None:
        """Forget the state, there too."""
        super().remove()
        if self._there:
            self._objects.remove(self._name)
