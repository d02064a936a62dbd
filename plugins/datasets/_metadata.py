"""Reading a ``metadata.csv`` into an image table: every fault is told with its line and its file."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness import DataError, ImageTable

UNKNOWN = frozenset({"unknown", "unidentified", "unnamed", "none", "nan", "na", "?"})
"""Identity strings that name no individual (field traps: they would be taken for one animal with many photographs)."""

Row = dict[str, str]


@dataclass
class Rows:
    """Rows that can be used, and how many were left out for which reason."""

    rows: list[Row]
    skipped: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str, bad: Sequence[Row]) -> None:
        """Drop rows and count them."""
        if bad:
            gone = {id(row) for row in bad}
            self.rows = [row for row in self.rows if id(row) not in gone]
            self.skipped[reason] = self.skipped.get(reason, 0) + len(bad)


def read(path: Path) -> Rows:
    """The rows of a CSV file, each with its line number in ``__line__``.

    Raises:
        DataError: the file is missing, is no UTF-8 text, has no rows, or lacks ``identity`` or ``path``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = [name for name in ("identity", "path") if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path} has no column {' and '.join(map(repr, missing))}", "Add it to the first line.")
            rows = [{**_text(row), "__line__": str(reader.line_num)} for row in reader]
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist", "Give root=FOLDER with metadata.csv and images/ in it, or: harness data prepare"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no UTF-8 CSV file ({error})", "Save it as CSV in UTF-8.") from error
    if not rows:
        raise DataError(f"{path} has no rows", "Add a row for each photograph.")
    return Rows(rows)


def drop_unnamed(found: Rows, where: str, policy: str, drop_unknown: bool) -> None:
    """Refuse or leave out rows without identity, and leave out those whose identity means "unknown"."""
    empty = [row for row in found.rows if not row["identity"]]
    if empty and policy == "error":
        row = empty[0]
        raise DataError(
            f"{where}, line {row['__line__']} ({row['path']}): no identity ({len(empty)} such rows)",
            "Name the individual, remove the row, or leave such rows out and count them: no_identity=skip",
        )
    found.leave_out("without_identity", empty)
    if drop_unknown:
        found.leave_out("unknown_identity", [row for row in found.rows if _means_unknown(row)])


def drop_missing(found: Rows, root: Path, where: str, policy: str) -> None:
    """Refuse or leave out rows whose image file is not there; each folder is listed once.

    Raises:
        DataError: also where a path leaves the root, by itself or through a link.
    """
    real, listed, bad = root.resolve(), {}, []
    for row in found.rows:
        pure = PurePosixPath(row["path"].replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise DataError(
                f"{where}, line {row['__line__']}: path {row['path']!r} leaves the root", "Keep it below root."
            )
        folder = str(pure.parent)
        if folder not in listed:
            listed[folder] = _names(root / folder, real, where, row)
        if pure.name not in listed[folder]:
            bad.append(row)
    if bad and policy == "error":
        first = ", ".join(f"{row['path']} (line {row['__line__']})" for row in bad[:3])
        raise DataError(
            f"{len(bad)} image files named by {where} are missing: {first}{' ...' if len(bad) > 3 else ''}",
            "Restore them, or leave such rows out and count them: missing=skip",
        )
    found.leave_out("missing_images", bad)


def table(root: Path, rows: Sequence[Row], columns: Mapping[str, str]) -> ImageTable:
    """An image table from rows; ``columns`` maps its columns to those of the file, absent ones stay empty."""
    given = {name: [row.get(source, "") for row in rows] for name, source in columns.items()}
    return ImageTable(root=root, **given)


def group(row: Row) -> str:
    """Encounter: the day where there is a date, else the cluster; never shared by two data sets."""
    mark = row.get("date", "")[:10] or row.get("cluster_id", "")
    return f"{row.get('dataset', '')}:{mark}" if mark else ""


def _names(folder: Path, real: Path, where: str, row: Row) -> set[str]:
    """File names in a folder below the root; links that lead out of the root are refused."""
    try:
        resolved = folder.resolve()
        if not resolved.is_relative_to(real):
            raise DataError(
                f"{where}, line {row['__line__']}: {row['path']!r} leaves the root by a link", "Copy it there."
            )
        with os.scandir(folder) as entries:
            found = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    for entry in found:
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(real):
            raise DataError(f"{where}: the file {entry.name!r} is a link that leaves the root", "Copy the file there.")
    return {entry.name for entry in found if entry.is_file()}


def _means_unknown(row: Row) -> bool:
    name, prefix = row["identity"].lower(), f"{row.get('dataset', '').lower()}_"
    return name.removeprefix(prefix).strip() in UNKNOWN


def _text(row: Mapping[str | None, str | list[str] | None]) -> Row:
    return {key: (value or "").strip() for key, value in row.items() if key is not None and not isinstance(value, list)}
