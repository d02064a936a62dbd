"""The results folder: records as JSON lines, one file a protocol, replaced whole under a lock."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from harness.record import RunRecord, parse_record
from harness.store import explained, write_atomically

PLACE = ("results folder", "--results")


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

    def check(self) -> None:
        """Make the folder. Raises StoreError where it cannot be written: better before hours of work than after."""
        folder = self.root / "records"
        with explained(folder):
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
        return self.root / "records" / f"{record.protocol}-{record.protocol_hash[:12]}.jsonl"


def _read(path: Path) -> list[RunRecord]:
    if not path.is_file():
        return []
    with explained(path, *PLACE):
        content = path.read_bytes()
    # cut at line feeds alone: a reason may hold other characters that Python takes for line ends
    rows = [(number, line.strip()) for number, line in enumerate(content.split(b"\n"), 1)]
    return [parse_record(line, f"{path.name}:{number}") for number, line in rows if line]
