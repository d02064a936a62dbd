"""The results folder: records as JSON lines and the queries behind them, a file each a protocol, replaced whole."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from harness.disk import explained, write_atomically
from harness.errors import DataError
from harness.record import RunRecord, parse_record

PLACE = ("results folder", "--results")
QUERY_COLUMNS = ("image_id", "identity", "known", "leaked", "dataset", "species")


@dataclass(frozen=True, eq=False)
class Queries:
    """The queries of a protocol in the order of its records' ``first_hits``; all [q].

    ``dataset`` and ``species`` are None in a file from before they were kept.
    """

    image_id: NDArray[np.str_]
    identity: NDArray[np.str_]
    known: NDArray[np.bool_]
    leaked: NDArray[np.bool_]
    dataset: NDArray[np.str_] | None = None
    species: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.image_id)


class Results:
    """Records below one folder (``records/*.jsonl``), and the leaderboard files made from them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self) -> list[RunRecord]:
        """All records, file by file.

        Raises:
            DataError: a row that is no record; names file and line.
        """
        return [record for path in sorted((self.root / "records").glob("*.jsonl")) for record in _read(path)]

    def add(self, records: Iterable[RunRecord]) -> None:
        """Put rows in their files; a row of the same cell and protocol takes the older one's place.

        Raises:
            DataError: a file holds a row that is no record; it is left as it is.
            StoreError: the folder cannot be written.
        """
        by_file: dict[Path, list[RunRecord]] = {}
        for record in records:
            by_file.setdefault(self._path(record), []).append(record)
        for path, rows in by_file.items():
            with explained(path, *PLACE):
                path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(path.with_name(".lock")):
                    merged = {row.cell: row for row in [*_read(path), *rows]}
                    text = "".join(f"{row.model_dump_json()}\n" for row in merged.values())
                    write_atomically(path, text.encode())

    def add_queries(self, record: RunRecord, queries: Queries) -> None:
        """Keep the queries of a record's protocol, once: they are a function of its hash.

        The file's name holds the head of its SHA-256, so that a changed file is seen when it is read. A file from
        before data set and species were kept makes room.

        Raises:
            StoreError: the folder cannot be written. DataError: a file of another content is there.
        """
        kept = self._kept(record)
        if kept and (_columns(kept[1]) == list(QUERY_COLUMNS) or queries.species is None):
            return
        content = _csv(queries)
        path = self.root / "queries" / f"{stem(record)}-{_head(content)}.csv"
        with explained(path, *PLACE):
            path.parent.mkdir(parents=True, exist_ok=True)
            if kept:
                kept[0].unlink(missing_ok=True)
            write_atomically(path, content)

    def queries(self, record: RunRecord) -> Queries | None:
        """The queries of a record's protocol; None where they were not kept.

        Raises:
            DataError: the file is not what :meth:`add_queries` wrote.
        """
        kept = self._kept(record)
        if kept is None:
            return None
        rows = list(csv.DictReader(io.StringIO(kept[1].decode(), newline="")))
        column = {name: np.array([row[name] for row in rows], np.str_) for name in _columns(kept[1])}
        flags = {name: column[name] == "1" for name in ("known", "leaked")}
        return Queries(**{**column, **flags})

    def _kept(self, record: RunRecord) -> tuple[Path, bytes] | None:
        paths = sorted((self.root / "queries").glob(f"{stem(record)}-*.csv"))
        if not paths:
            return None
        with explained(paths[0], *PLACE):
            content = paths[0].read_bytes()
        if len(paths) > 1 or not paths[0].stem.endswith(f"-{_head(content)}"):
            raise DataError(
                f"{' and '.join(path.name for path in paths)}: changed since it was written, or written twice",
                "Remove it, and run a cell of its protocol again.",
            )
        return paths[0], content

    def check(self) -> None:
        """Make the folder. Raises StoreError where it cannot be written: better before hours of work than after."""
        folder = self.root / "records"
        with explained(folder, *PLACE):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / ".lock", b"")

    def write(self, name: str, text: str) -> Path:
        """Write a generated file such as ``leaderboard.md``."""
        path = self.root / name
        with explained(path, *PLACE):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode())
        return path

    def _path(self, record: RunRecord) -> Path:
        return self.root / "records" / f"{stem(record)}.jsonl"


class Batch:
    """Rows that are written together, at the latest ``every`` seconds after the last time and when the block ends.

    A file is read and written whole for every row that is added, which a grid that comes from the store would do a
    hundred times in a few seconds. What a kill loses is in the store, and comes back with the same command.
    """

    def __init__(self, results: Results, every: float = 2.0) -> None:
        self.results, self.every = results, every
        self._waiting: list[RunRecord] = []
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._write()

    def add(self, record: RunRecord) -> None:
        """One more row."""
        self._waiting.append(record)
        if time.monotonic() - self._written >= self.every:
            self._write()

    def _write(self) -> None:
        self.results.add(self._waiting)
        self._waiting, self._written = [], time.monotonic()


def _csv(queries: Queries) -> bytes:
    """One row a query, with the columns that are there."""
    columns = {name: values for name in QUERY_COLUMNS if (values := getattr(queries, name)) is not None}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_plain(values) for values in columns.values()), strict=True))
    return out.getvalue().encode()


def _plain(values: NDArray[Any]) -> list[Any]:
    """Text as it is, flags as 0 and 1."""
    plain: list[Any] = (values.astype(int) if values.dtype == bool else values).tolist()
    return plain


def _columns(content: bytes) -> list[str]:
    return content.partition(b"\n")[0].decode().split(",")


def _head(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def stem(record: RunRecord) -> str:
    """How the names of a protocol's files begin."""
    return f"{record.protocol}-{record.protocol_hash[:12]}"


def _read(path: Path) -> list[RunRecord]:
    if not path.is_file():
        return []
    with explained(path, *PLACE):
        content = path.read_bytes()
    # cut at line feeds alone: a reason may hold other characters that Python takes for line ends
    rows = [(number, line.strip()) for number, line in enumerate(content.split(b"\n"), 1)]
    return [parse_record(line, f"{path.name}:{number}") for number, line in rows if line]
