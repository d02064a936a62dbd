"""Baselines: what a grid gave when it was last accepted, in one reviewed JSON file, and why it has moved since."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from harness.compare.runs import Cell, distinct
from harness.disk import explained, write_atomically
from harness.errors import DataError, HarnessError
from harness.record import Frozen

SCHEMA = 1
"""Version of the file's format."""
FOLDER = "baselines"
RESTORE = "Restore the file from version control."
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class Accepted(Frozen):
    """One time that a baseline was made or moved."""

    date: str = Field(description="day, YYYY-MM-DD")
    git: str = Field(description="commit, or version, of the code that gave the numbers")
    reason: str = Field(min_length=1)
    moved: tuple[str, ...] = Field((), description="what changed against the baseline before, a line a cell")


class Baseline(Frozen):
    """The accepted runs of a grid's cells. ``exact``: they must be met to the digit, not within a tolerance."""

    schema_number: int = Field(SCHEMA, ge=1, le=SCHEMA)
    name: str
    exact: bool
    accepted: tuple[Accepted, ...] = Field(min_length=1)
    cells: tuple[Cell, ...] = Field(min_length=1)


def path_of(results: Path, name: str) -> Path:
    """The file of a baseline below a results folder.

    Raises:
        HarnessError: the name could not be a file's name.
    """
    if not NAME.fullmatch(name):
        raise HarnessError(f"{name!r} is no name of a baseline", "Use lower case letters, digits, '-', '_' and '.'.")
    return results / FOLDER / f"{name}.json"


def read(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        DataError: the file is missing or damaged; names the field at fault.
    """
    try:
        return parse(path.read_bytes(), path.name)
    except FileNotFoundError:
        there = ", ".join(file.stem for file in sorted(path.parent.glob("*.json"))) or "none"
        raise DataError(
            f"there is no baseline {path}", f"There are: {there}. Make one: harness baseline accept --help"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", "Check the file.") from error


def parse(content: bytes, where: str) -> Baseline:
    """A baseline from the bytes of its file; see :func:`read`."""
    try:
        kept = Baseline.model_validate_json(content)
        distinct(kept.cells)
        return kept
    except DataError as error:
        raise DataError(f"{where}: {error.problem}", RESTORE) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(f"{where}: {field}: {first['msg']}", RESTORE) from None


def write(path: Path, baseline: Baseline) -> None:
    """Write a baseline whole, a line a cell so that a review shows which of them moved.

    Raises:
        StoreError: the folder cannot be written.
    """
    head = baseline.model_dump_json(include={"schema_number", "name", "exact"})[:-1]
    parts = [f'"accepted":[\n{_lines(baseline.accepted)}\n]', f'"cells":[\n{_lines(baseline.cells)}\n]']
    with explained(path, "results folder", "--results"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f"{head},\n{','.join(parts)}}}\n".encode())


def _lines(items: Sequence[Frozen]) -> str:
    return ",\n".join(item.model_dump_json(exclude_defaults=True) for item in items)


def tampered(before: Baseline | None, after: Baseline | None) -> list[str]:
    """What was done to a baseline without a reason: cells that moved, or reasons that went, since ``before``."""
    if before is None:
        return []
    if after is None:
        return [f"the baseline {before.name!r} has vanished"]
    if after.accepted[: len(before.accepted)] != before.accepted:
        return [f"reasons of the baseline {before.name!r} have changed or vanished"]
    told = len(after.accepted) > len(before.accepted)
    if (after.cells, after.exact) != (before.cells, before.exact) and not told:
        return [f"the baseline {before.name!r} has moved without a reason (harness baseline accept)"]
    return []
