"""Collections: results per image or per pair, kept in append-only parts, so that none is ever computed twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.store import SCHEMA, Arrays, Key, Store, explained, mark_used, write_atomically

IDS, SECONDS = "__ids__", "__seconds__"


class Collection:
    """Rows of arrays by id below one key.

    Every :meth:`append` writes one immutable part whose file name is the checksum of its content, so a killed writer
    loses only the part that it had not finished, and a damaged part is seen, reported and left out.

    Ids are text of one fixed length (content digests, or two of them joined for a pair).
    """

    def __init__(self, store: Store, key: Key) -> None:
        self.store, self.key = store, key
        self.folder = store.root / "collections" / key.stage / key.digest
        self._where: dict[str, tuple[Path, int]] = {}
        self._seconds: dict[Path, float] = {}
        self._verified: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """Read the ids of parts that have come since."""
        from safetensors import SafetensorError

        for path in sorted(self.folder.glob("*.safetensors")):
            if path in self._seconds:
                continue
            try:
                ids, seconds = _index(path)
            except FileNotFoundError:  # another process has found it damaged, and moved it aside
                continue
            except (SafetensorError, OSError, ValueError, LookupError) as error:
                self._discard(path, error)
                continue
            self._seconds[path] = seconds
            for row, name in enumerate(ids):
                self._where.setdefault(name, (path, row))

    def __len__(self) -> int:
        return len(self._where)

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that are not there yet, in order, each once."""
        return [name for name in dict.fromkeys(ids) if name not in self._where]

    def seconds_each(self) -> float:
        """What one row has cost on average."""
        return sum(self._seconds.values()) / len(self._where) if self._where else 0.0

    def append(self, ids: Sequence[str], arrays: Arrays, seconds: float) -> None:
        """Write rows as one part: every array has ``len(ids)`` rows. Nothing to write is fine.

        Raises:
            ValueError: ids of unequal length, or an array with another number of rows.
            StoreError: the disk is full, or cannot be written.
        """
        from safetensors.numpy import save

        if not ids:
            return
        _check_rows(ids, arrays)
        letters = np.frombuffer("".join(ids).encode("ascii"), np.uint8).reshape(len(ids), -1)
        rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        content = save({**rows, IDS: letters}, metadata={SECONDS: repr(seconds)})
        with explained(self.folder):
            self._describe()
            path = self.folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
            write_atomically(path, content)
        self._seconds[path] = seconds
        self._verified.add(path)
        for row, name in enumerate(ids):
            self._where.setdefault(name, (path, row))

    def read(self, ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The rows of these ids, in that order (ids may repeat); without ids, an empty dictionary.

        Raises:
            KeyError: an id is not there; ask :meth:`missing` first.
        """
        places = [self._where[name] for name in ids]
        by_part: dict[Path, list[int]] = {}
        for position, (path, _) in enumerate(places):
            by_part.setdefault(path, []).append(position)
        out: dict[str, NDArray[Any]] = {}
        for path, positions in by_part.items():
            for name, array in _rows(path, [places[p][1] for p in positions]).items():
                target = out.setdefault(name, np.empty((len(ids), *array.shape[1:]), array.dtype))
                target[positions] = array
        mark_used(self.folder)
        return out

    def verify(self) -> None:
        """Check every part's content against its name; damaged parts are reported and left out."""
        for path in list(self._seconds):
            if path not in self._verified:
                content = path.read_bytes() if path.exists() else b""
                if hashlib.sha256(content).hexdigest() == path.stem:
                    self._verified.add(path)
                else:
                    self._discard(path, ValueError("checksum"))

    def _discard(self, path: Path, error: Exception) -> None:
        warnings.warn(
            f"a part of {self.key.stage} {self.key.digest[:12]} is damaged ({error}); it is computed again",
            stacklevel=3,
        )
        self._seconds.pop(path, None)
        self._where = {name: place for name, place in self._where.items() if place[0] != path}
        with explained(path), contextlib.suppress(FileNotFoundError):  # another process may have done it
            path.rename(self.store.root / "tmp" / f"damaged-{uuid.uuid4().hex[:8]}-{path.name}")

    def _describe(self) -> None:
        path = self.folder / "key.json"
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            described = {"schema": SCHEMA, "stage": self.key.stage, **self.key.parts}
            write_atomically(path, json.dumps(described, indent=1, sort_keys=True).encode())


def _check_rows(ids: Sequence[str], arrays: Arrays) -> None:
    lengths = {len(name) for name in ids}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError(f"ids of a collection must have one length, not {sorted(lengths)}")
    for name, array in arrays.items():
        if len(array) != len(ids):
            raise ValueError(f"array {name!r} has {len(array)} rows for {len(ids)} ids")


def _rows(path: Path, rows: list[int]) -> dict[str, NDArray[Any]]:
    """These rows of every array of a part; a few are read alone, many with the whole part."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as part:
        names = [name for name in part.keys() if name != IDS]  # noqa: SIM118 (no mapping)
        if len(rows) * 4 > part.get_slice(IDS).get_shape()[0]:
            return {name: part.get_tensor(name)[rows] for name in names}
        return {name: np.concatenate([part.get_slice(name)[r : r + 1] for r in rows]) for name in names}


def _index(path: Path) -> tuple[list[str], float]:
    """The ids of a part and the seconds that it took, without reading its arrays."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as part:
        letters = part.get_tensor(IDS)
        seconds = float((part.metadata() or {})[SECONDS])
    return [name.decode() for name in np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").ravel()], seconds
