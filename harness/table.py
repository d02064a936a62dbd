"""The image table: one row a photograph, with its identity and the role it plays in a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError

ROLES = ("train", "validation", "gallery", "query", "")
TEXT_COLUMNS = (
    "image_id",
    "path",
    "identity",
    "species",
    "dataset",
    "role",
    "split",
    "orientation",
    "group",
    "date",
    "mask",
    "digest",
    "pixels",
    "phash",
)


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Rows of photographs, checked when made. All columns have the same length n; empty string means "not given".

    Attributes:
        root: the folder below which every ``path`` and ``mask`` lies.
        image_id: unique name of the row.
        path: image file, relative to ``root``, with forward slashes.
        identity: the individual animal.
        species, dataset: its species, and the data set that the photograph comes from.
        role: ``train``, ``validation``, ``gallery`` or ``query``; empty before a protocol has assigned it.
        known: for a query or a validation image: whether its individual is in the gallery that it is asked against.
        split: the split that the data set ships (``train`` / ``test``), empty where it ships none.
        orientation: ``left``, ``right``, ...
        group: encounter, day or cluster; images of one group are near-duplicates in time.
        date: day of the photograph, YYYY-MM-DD.
        mask: foreground mask file, relative to ``root``.
        digest: SHA-256 of the image file, in hex, filled in when the files are read; so are
        pixels: SHA-256 of the decoded pixels, equal for one picture saved in two ways, and
        phash: perceptual hash, 16 hex digits; near-duplicates differ in few bits.

    Raises:
        DataError: columns of unequal length, a duplicate image_id, a missing identity, an unknown role, a path that
            is absolute or leaves the root, or a query whose own file is in the gallery.
    """

    root: Path
    image_id: NDArray[np.str_]
    path: NDArray[np.str_]
    identity: NDArray[np.str_]
    species: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    dataset: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    role: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    split: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    orientation: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    group: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    date: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    mask: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    digest: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    pixels: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    phash: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, str))
    known: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))

    def __post_init__(self) -> None:
        n = len(self.image_id)
        for name in TEXT_COLUMNS:
            column = np.asarray(getattr(self, name), dtype=np.str_)
            object.__setattr__(self, name, column if len(column) or not n else np.full(n, "", dtype=np.str_))
        known = np.asarray(self.known, dtype=np.bool_)
        object.__setattr__(self, "known", known if len(known) or not n else np.zeros(n, dtype=np.bool_))
        self._check()

    def _check(self) -> None:
        n = len(self.image_id)
        for name in (*TEXT_COLUMNS, "known"):
            if len(getattr(self, name)) != n:
                raise DataError(f"column {name!r} has {len(getattr(self, name))} rows, image_id has {n}")
        unique, counts = np.unique(self.image_id, return_counts=True)
        if len(unique) != n:
            raise DataError(f"duplicate image_id {str(unique[counts > 1][0])!r}", "Give every row its own image_id.")
        self._refuse(self.identity == "", "has no identity", "Name its individual, or remove the row.")
        self._refuse(
            ~np.isin(self.role, ROLES), f"has a role that is none of {', '.join(ROLES[:-1])}", "Mend the role."
        )
        for name in ("path", "mask"):
            column = getattr(self, name)
            outside = np.array([_leaves_root(value) for value in column], dtype=bool)
            self._refuse(outside, f"has a {name} outside the data set's folder", f"Keep every {name} below the root.")
        self._refuse(self.path == "", "has no path", "Name its image file.")
        self._check_roles()

    def _check_roles(self) -> None:
        gallery = set(self.path[np.isin(self.role, ("train", "validation", "gallery"))].tolist())
        own = np.array([r == "query" and p in gallery for r, p in zip(self.role, self.path, strict=True)], dtype=bool)
        self._refuse(own, "is a query whose own file is in the gallery", "Keep queries out of the gallery.")

    def _refuse(self, bad: NDArray[np.bool_], problem: str, advice: str) -> None:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
            raise DataError(
                f"row {row} (image_id {str(self.image_id[row])!r}, path {str(self.path[row])!r}) {problem}{more}",
                advice,
            )

    def __len__(self) -> int:
        return len(self.image_id)

    def select(self, rows: NDArray[Any] | Sequence[int]) -> ImageTable:
        """The given rows (a boolean mask [n] or indices), in that order."""
        index = np.asarray(rows)
        return replace(self, **{f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "root"})

    def having(self, *roles: str) -> ImageTable:
        """The rows that play one of these roles."""
        return self.select(np.isin(self.role, roles))

    def with_columns(self, **columns: Any) -> ImageTable:
        """A copy with some columns replaced; it is checked again."""
        return replace(self, **columns)


def _leaves_root(value: str) -> bool:
    """Absolute (also as Windows writes it: ``C:/``), or upward. Plain text checks: this runs for every row."""
    path = value.replace("\\", "/")
    return path.startswith("/") or path[1:3] == ":/" or (".." in path and ".." in path.split("/"))
