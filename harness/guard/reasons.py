"""Why rows moved: ``reasons.jsonl``, one line a move, each good for that move alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock
from pydantic import Field, ValidationError, field_validator

from harness.disk import explained, write_atomically
from harness.guard.found import Finding
from harness.record import Frozen
from harness.results import PLACE

FILE = "reasons.jsonl"
ADVICE = "Bring the line back as it was; reasons are written by harness results explain, and stay."


class Reason(Frozen):
    """Why one row moved. ``cell`` ``*`` stands for the queries of the protocol, which all of its rows share."""

    protocol_hash: str
    cell: str
    old: str = Field(description="digest of the row's scores before", pattern="^[0-9a-f]{16}$")
    new: str = Field(description="digest of the row's scores after; empty: it vanished", pattern="^([0-9a-f]{16})?$")
    reason: str
    date: str = Field(description="day, ISO 8601", pattern=r"^\d{4}-\d\d-\d\d$")
    git: str = Field(description="commit that it was written on")

    @field_validator("reason")
    @classmethod
    def _says_something(cls, reason: str) -> str:
        if not reason.strip():
            raise ValueError("must not be empty")
        return reason


def read(root: Path) -> tuple[list[Reason], list[Finding]]:
    """The reasons of a results folder, and the lines that are none."""
    reasons, findings = [], []
    for number, line in enumerate(_content(root / FILE).split(b"\n"), 1):
        if line.strip():
            try:
                reasons.append(Reason.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                problem = f"{'.'.join(map(str, first['loc'])) or 'line'}: {first['msg']}"
                findings.append(Finding("reasons", f"{FILE}:{number}", problem, ADVICE))
    return reasons, findings


def add(root: Path, reasons: Iterable[Reason]) -> None:
    """Append reasons; the file is replaced whole.

    Raises:
        StoreError: it cannot be written.
    """
    path = root / FILE
    with explained(path, *PLACE):
        (root / "records").mkdir(parents=True, exist_ok=True)
        with FileLock(root / "records" / ".lock"):
            there = _content(path)
            lines = "".join(f"{reason.model_dump_json()}\n" for reason in reasons)
            write_atomically(path, there + (b"" if there.endswith(b"\n") or not there else b"\n") + lines.encode())


def lost(before: Iterable[Reason], now: Iterable[Reason]) -> list[Reason]:
    """The reasons that were there and are not now."""
    return list(Counter(before) - Counter(now))


def _content(path: Path) -> bytes:
    with explained(path, *PLACE):
        return path.read_bytes() if path.is_file() else b""
