"""Collections: results per image, kept in append-only parts, so that none is ever computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.parts import Parts, mapped
from harness.store import Arrays, Key, Store

IDS = "__ids__"


class Collection:
    """Rows of arrays by id below one key. Ids are text of one fixed length (content digests)."""

    def __init__(self, store: Store, key: Key) -> None:
        self.key = key
        self._parts = Parts(store, key)
        self.folder = self._parts.folder
        self._where: dict[str, tuple[Path, int]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the ids of parts that have come since, and forget those that were cleared away."""
        gone = self._parts.gone()
        if gone:
            self._where = {name: place for name, place in self._where.items() if place[0] not in gone}
        for path, arrays in self._parts.new():
            try:
                ids = _names(arrays[IDS])
            except (ValueError, LookupError) as error:
                self._parts.discard(path, error)
                continue
            self._index(path, ids)

    def _index(self, path: Path, ids: Sequence[str]) -> None:
        for row, name in enumerate(ids):
            self._where.setdefault(name, (path, row))

    def __len__(self) -> int:
        return len(self._where)

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that are not there yet, in order, each once."""
        return [name for name in dict.fromkeys(ids) if name not in self._where]

    def seconds_each(self) -> float:
        """What one row has cost on average."""
        return sum(self._parts.seconds.values()) / len(self._where) if self._where else 0.0

    def append(self, ids: Sequence[str], arrays: Arrays, seconds: float) -> None:
        """Write rows as one part: every array has ``len(ids)`` rows. Nothing to write is fine.

        Raises:
            ValueError: ids of unequal length, or an array with another number of rows.
            StoreError: the disk is full, or cannot be written.
        """
        if not ids:
            return
        _check_rows(ids, arrays)
        letters = np.frombuffer("".join(ids).encode("ascii"), np.uint8).reshape(len(ids), -1)
        self._index(self._parts.write({**arrays, IDS: letters}, seconds), ids)

    def read(self, ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The rows of these ids, in that order (ids may repeat), copied once out of the mapped parts.

        Without ids, an empty dictionary.

        Raises:
            KeyError: an id is not there; ask :meth:`missing` first.
        """
        places = [self._where[name] for name in ids]
        by_part: dict[Path, list[int]] = {}
        for position, (path, _) in enumerate(places):
            by_part.setdefault(path, []).append(position)
        out: dict[str, NDArray[Any]] = {}
        for path, positions in by_part.items():
            rows = [places[p][1] for p in positions]
            for name, array in mapped(path)[0].items():
                if name == IDS:
                    continue
                if name not in out:
                    out[name] = np.empty((len(ids), *array.shape[1:]), array.dtype)
                out[name][positions] = array[rows]
        self._parts.mark_used()
        return out

    def verify(self) -> None:
        """Check every part's content against its name; damaged parts are reported and left out."""
        bad = {path for path in list(self._parts.seconds) if not self._parts.verified(path)}
        if bad:
            self._where = {name: place for name, place in self._where.items() if place[0] not in bad}


def _check_rows(ids: Sequence[str], arrays: Arrays) -> None:
    lengths = {len(name) for name in ids}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError(f"ids of a collection must have one length, not {sorted(lengths)}")
    for name, array in arrays.items():
        if len(array) != len(ids):
            raise ValueError(f"array {name!r} has {len(array)} rows for {len(ids)} ids")


def _names(letters: NDArray[np.uint8]) -> list[str]:
    return [name.decode() for name in np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").ravel()]
