"""What the guard finds, and the results folder as it reads it: every row with its place, damaged ones set apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.disk import explained
from harness.errors import DataError
from harness.record import RunRecord, parse_record
from harness.results import PLACE, Queries, Results, stem

Key = tuple[str, str]
"""Protocol hash and cell: what a row is told apart by."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: the rule that it breaks, the file (and line), what it is, and what to do."""

    rule: str
    where: str
    problem: str
    advice: str


@dataclass(frozen=True)
class Row:
    """A record with its place: file below the results folder, and line."""

    file: str
    line: int
    record: RunRecord

    @property
    def where(self) -> str:
        """As messages name it."""
        return f"{self.file}:{self.line}"

    @property
    def stem(self) -> str:
        """How the names of its protocol's files begin."""
        return stem(self.record)

    @property
    def key(self) -> Key:
        """See :data:`Key`."""
        return self.record.protocol_hash, self.record.cell


class Folder:
    """A results folder, read once.

    Attributes:
        findings: the lines and files that cannot be read.
        firsts: protocol hash -> its first row.
        queries: protocol hash -> its queries, where they were kept and can be read.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.results = root, Results(root)
        self.findings: list[Finding] = []
        self.rows: list[Row] = []
        for path in sorted((root / "records").glob("*.jsonl")):
            self.rows += self._read(path)
        self.firsts = {row.record.protocol_hash: row for row in reversed(self.rows)}
        found = {name: self._queries(row) for name, row in self.firsts.items()}
        self.queries = {name: queries for name, queries in found.items() if queries is not None}

    def _read(self, path: Path) -> Iterator[Row]:
        file = path.relative_to(self.root).as_posix()
        with explained(path, *PLACE):
            lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield Row(file, number, parse_record(line.strip(), f"{file}:{number}"))
                except DataError as error:
                    problem = error.problem.removeprefix(f"{file}:{number}: ")
                    self.findings.append(Finding("record", f"{file}:{number}", problem, error.advice))

    def _queries(self, row: Row) -> Queries | None:
        try:
            return self.results.queries(row.record)
        except DataError as error:
            problem, advice = error.problem, error.advice
        except (KeyError, TypeError, ValueError) as error:  # the digest fits, the content does not
            problem = f"the queries of protocol {row.record.protocol_hash[:12]} are no table of queries: {error!r}"
            advice = "Remove the file, and run a cell of its protocol again."
        self.findings.append(Finding("queries", f"queries/{row.stem}-*.csv", problem, advice))
        return None
