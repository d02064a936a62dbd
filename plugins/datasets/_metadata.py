"""Rows of metadata on their way to an image table: every fault is told with its line and its file, or counted."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from harness import Config, DataError, ImageTable, location

from ._links import Below

Row = dict[str, str]
LINE = "__line__"
COLUMNS = ("image_id", "path", "identity", "species", "dataset", "orientation", "split", "mask", "group", "date")
UNKNOWN = frozenset({"unknown", "unidentified", "unnamed", "new_whale", "____", "none", "nan", "?"})
"""Identity strings that name no individual: each would be taken for one animal with very many photographs."""


class RowConfig(Config):
    """Where the files are, and what becomes of rows that cannot be used."""

    root: str = location("", "folder of the files; empty: where `harness data prepare` puts them")
    drop_unknown: bool = Field(True, description="leave out and count identities such as unknown or <dataset>_unknown")
    no_identity: Literal["error", "skip"] = Field(
        "error", description="rows without identity: skip leaves out, counted"
    )
    missing: Literal["error", "skip"] = Field("error", description="rows without image file: skip leaves out, counted")


@dataclass
class Rows:
    """Rows that can be used.

    ``where`` and ``unit`` name a row in messages (``metadata.csv, line 7``); ``skipped`` counts the rows that were
    left out, by reason; ``culprits`` names the first of each reason.
    """

    rows: list[Row]
    where: str
    unit: str = "line"
    skipped: dict[str, int] = field(default_factory=dict)
    culprits: dict[str, str] = field(default_factory=dict)

    def name(self, row: Row) -> str:
        """A row as messages call it."""
        return f"{self.where}, {self.unit} {row[LINE]} ({row.get('path') or 'no path'})"

    def leave_out(self, reason: str, bad: Sequence[Row]) -> None:
        """Drop rows, and count them."""
        if bad:
            gone = {id(row) for row in bad}
            self.rows = [row for row in self.rows if id(row) not in gone]
            self.skipped[reason] = self.skipped.get(reason, 0) + len(bad)
            self.culprits.setdefault(reason, self.name(bad[0]))


def read(path: Path, advice: str) -> Rows:
    """The rows of a CSV file, cells stripped, each with its line (from 1, the header's) under :data:`LINE`.

    Raises:
        DataError: the file is missing (``advice`` says what to type), is no UTF-8 CSV, has no rows, lacks the column
            ``identity`` or ``path``, or has a row of another length than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(_records(csv.reader(handle, strict=True), path))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", advice) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason})", "Save it as CSV in UTF-8.") from error
    if not rows:
        raise DataError(f"{path} has no rows", "Add a row for each photograph.")
    return Rows(rows, path.name)


def clean(found: Rows, root: Path, config: RowConfig) -> None:
    """Refuse, or leave out and count, what cannot be used; paths become relative ones with forward slashes.

    Raises:
        DataError: names the row and, unless ``config`` says ``skip``, what is wrong with it.
    """
    _normalise(found)
    _refuse_repeats(found, "path")
    if any("image_id" in row for row in found.rows):
        _refuse_repeats(found, "image_id")
    _drop_unnamed(found, config)
    _drop_missing(found, Below(root), config.missing)
    if not found.rows:
        counts = ", ".join(f"{reason} {n}" for reason, n in found.skipped.items())
        raise DataError(f"no row of {found.where} is left ({counts})", "Mend the rows, or the settings that drop them.")


def table(root: Path, rows: Sequence[Row]) -> ImageTable:
    """An image table from rows; a column that the rows lack stays empty."""
    columns: dict[str, Any] = {name: np.array([row.get(name, "") for row in rows], dtype=np.str_) for name in COLUMNS}
    return ImageTable(root=root, **columns)


def group(row: Row) -> str:
    """The encounter, never shared by two data sets: the day where there is a date, else the cluster of near-duplicates.

    Clusters are numbered anew within each individual, as WildlifeReID-10k makes them; -1 marks an image without one.
    """
    if when := _without_time(row):
        return f"{row.get('dataset', '')}:{when}"
    cluster = row.get("cluster_id", "").removesuffix(".0")
    return f"{row.get('dataset', '')}:{row['identity']}:cluster {cluster}" if cluster not in ("", "-1") else ""


def day(row: Row) -> str:
    """The date as YYYY-MM-DD; empty where there is none, or one without a day."""
    when = _without_time(row)
    return when if re.fullmatch(r"\d{4}-\d{2}-\d{2}", when) else ""


def _without_time(row: Row) -> str:
    return re.split(r"[T ]", row.get("date", ""), maxsplit=1)[0]


def _records(reader: Any, path: Path) -> Iterator[Row]:
    line = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, path)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield _record(header, cells, f"{path}, line {line}") | {LINE: str(line)}
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: no valid CSV ({error})", "Mend the quotes of that line.") from error


def _check_header(header: Sequence[str], path: Path) -> None:
    lacking = [name for name in ("identity", "path") if name not in header]
    if lacking:
        raise DataError(
            f"{path} has no column {' and no column '.join(map(repr, lacking))}; "
            f"its first line has: {', '.join(header) or 'nothing'}",
            "Name the columns in the first line, separated by commas: at least identity and path.",
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{path} has two columns {twice[0]!r}", "Keep one of them.")


def _record(header: Sequence[str], cells: Sequence[str], where: str) -> Row:
    if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
        raise DataError(
            f"{where} has {len(cells)} cells, the first line has {len(header)}",
            'Give every row one cell a column; put text with a comma in it into "quotes".',
        )
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name}


def _normalise(found: Rows) -> None:
    for row in found.rows:
        for column in ("path", "mask"):
            if text := row.get(column, ""):
                parts = text.replace("\\", "/").split("/")
                if not parts[0] or text[1:2] == ":" or ".." in parts:
                    advice = f"Give the {column} relative to the folder of the data set."
                    raise DataError(f"{found.name(row)}: {column} {text!r} leaves the root", advice)
                row[column] = "/".join(part for part in parts if part not in ("", "."))
        if not row["path"]:
            raise DataError(f"{found.name(row)} names no image file", "Fill in its path, or remove the row.")


def _refuse_repeats(found: Rows, column: str) -> None:
    first: dict[str, Row] = {}
    for row in found.rows:
        value = row.get(column, "")
        if not value:
            raise DataError(f"{found.name(row)} has no {column}", f"Fill it in, or remove the whole column {column}.")
        if first.setdefault(value, row) is not row:
            raise DataError(
                f"{found.name(row)}: duplicate {column} {value!r}, the same as in {found.unit} {first[value][LINE]}",
                f"Give every row its own {column}, or remove one of the two.",
            )


def _drop_unnamed(found: Rows, config: RowConfig) -> None:
    empty = [row for row in found.rows if not row["identity"]]
    if empty and config.no_identity == "error":
        raise DataError(
            f"{found.name(empty[0])} has no identity ({len(empty)} such rows)",
            "Name the individual, remove the row, or leave such rows out and count them: no_identity=skip",
        )
    found.leave_out("without_identity", empty)
    if config.drop_unknown:
        found.leave_out("unknown_identity", [row for row in found.rows if _means_unknown(row)])


def _means_unknown(row: Row) -> bool:
    return row["identity"].lower().removeprefix(f"{row.get('dataset', '').lower()}_") in UNKNOWN


def _drop_missing(found: Rows, below: Below, policy: str) -> None:
    """The same for masks, but a row without its mask keeps its photograph."""
    for column, reason in (("path", "missing_images"), ("mask", "missing_masks")):
        bad = [row for row in found.rows if row.get(column) and not below.holds(row[column], found.name(row))]
        if bad and policy == "error":
            first = ", ".join(f"{row[column]} ({found.unit} {row[LINE]})" for row in bad[:3])
            raise DataError(
                f"{len(bad)} files named by {found.where} are missing below {below.root}: "
                f"{first}{' ...' if len(bad) > 3 else ''}",
                "Restore them, correct root, or leave such rows out and count them: missing=skip",
            )
        if column == "path":
            found.leave_out(reason, bad)
        elif bad:
            found.skipped[reason], found.culprits[reason] = len(bad), found.name(bad[0])
            for row in bad:
                row["mask"] = ""
