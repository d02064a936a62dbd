"""Parts: the append-only files of a collection, named by their checksum, so that damage is seen."""

from __future__ import annotations

import hashlib
import json
import mmap
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.disk import explained, mark_used, write_atomically
from harness.store import SCHEMA, Arrays, Key, Store

SECONDS = "__seconds__"
TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?",
}  # fmt: skip
"""Element types of safetensors files, as numpy calls them."""


class Parts:
    """The files below one key. A killed writer loses only the part that it had not finished."""

    def __init__(self, store: Store, key: Key) -> None:
        self.store, self.key = store, key
        self.folder = store.root / "collections" / key.stage / key.digest
        self.seconds: dict[Path, float] = {}
        self._verified: set[Path] = set()
        self._vanished: set[Path] = set()

    def new(self) -> Iterator[tuple[Path, Mapping[str, NDArray[Any]]]]:
        """Parts that have come since the last call, with their arrays; one that cannot be read is put aside."""
        looked_for: set[Path] | None = None
        while looked_for is None or self._vanished - looked_for:  # what was in a dropped part is in a newer one
            looked_for = self._vanished
            self._vanished = set()
            self.store.bring(self.folder)
            for path in sorted(self.folder.glob("*.safetensors")):
                if path in self.seconds:
                    continue
                try:
                    arrays, metadata = mapped(path)
                    self.seconds[path] = float(metadata[SECONDS])
                except FileNotFoundError:
                    self._vanished.add(path)
                except (OSError, ValueError, LookupError, TypeError) as error:
                    self.discard(path, error)
                else:
                    yield path, arrays

    def gone(self) -> set[Path]:
        """Parts that are no longer there, since somebody has cleared up; they are forgotten."""
        gone = {path for path in self.seconds if not path.is_file()}
        for path in gone:
            del self.seconds[path]
        return gone

    def write(self, arrays: Arrays, seconds: float) -> Path:
        """Write one part, which took so many seconds to compute.

        Raises:
            StoreError: the disk is full, or cannot be written.
        """
        from safetensors.numpy import save

        rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        content = save(rows, metadata={SECONDS: repr(seconds)})
        with explained(self.folder):
            self._describe()
            path = self.folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
            write_atomically(path, content)
        self.store.share(path)
        self.seconds[path] = seconds
        self._verified.add(path)
        return path

    def drop(self, path: Path) -> None:
        """Remove a part whose content is in another."""
        self.store.drop(path)
        self.seconds.pop(path, None)

    def verified(self, path: Path) -> bool:
        """Whether a part is there and has the checksum of its name; one that has not is reported and put aside."""
        if path not in self._verified:
            found = checksum(path)
            if not found:
                self._vanished.add(path)
                self.seconds.pop(path, None)
                return False
            if found != path.stem:
                self.discard(path, ValueError("checksum"))
                return False
            self._verified.add(path)
        return True

    def discard(self, path: Path, error: Exception) -> None:
        """Put a damaged part aside and say so."""
        warnings.warn(
            f"a part of {self.key.stage} {self.key.digest[:12]} is damaged ({error}); it is computed again",
            stacklevel=4,
        )
        self.seconds.pop(path, None)
        self.store.put_aside(path)

    def mark_used(self) -> None:
        """Note that these files are in use, so that clearing up by age spares them."""
        mark_used(self.folder)

    def _describe(self) -> None:
        path = self.folder / "key.json"
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            described = {"schema": SCHEMA, "stage": self.key.stage, **self.key.parts}
            write_atomically(path, json.dumps(described, indent=1, sort_keys=True).encode())


def mapped(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays of a safetensors file, mapped and not read, and its metadata.

    Raises:
        ValueError, LookupError, TypeError: this is no whole safetensors file.
    """
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
        if not 8 < start <= size:
            raise ValueError("its header does not fit")
        header = json.loads(file.read(start - 8))
        if not isinstance(header, dict):
            raise ValueError("its header is no table")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    metadata = header.pop("__metadata__", {})
    return {name: _view(content, start, told) for name, told in header.items()}, metadata


def _view(content: mmap.mmap, start: int, told: Mapping[str, Any]) -> NDArray[Any]:
    """One array of a mapped file; a header that points beyond the file is refused, since reading there kills."""
    kind, shape, (first, end) = np.dtype(TYPES[told["dtype"]]), tuple(map(int, told["shape"])), told["data_offsets"]
    items = int(np.prod(shape, dtype=np.int64))
    if min(first, *shape, 0) < 0 or end - first != items * kind.itemsize or start + end > len(content):
        raise ValueError("it is cut, or its header is wrong")
    return np.frombuffer(content, kind, items, start + first).reshape(shape)


def checksum(path: Path) -> str:
    """SHA-256 of a part, which is its name; empty where it is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
