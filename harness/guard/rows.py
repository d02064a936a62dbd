"""Rules of the rows of a results folder, each by itself and beside its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from harness.guard.found import Finding, Folder, Key, Row

ABSOLUTE = re.compile(
    r"(?:^|[@=])/[\w.~+-]+(?:/|$|[\],])"  # a whole value, or that of a setting
    r"|(?:^|[\s@=:;,\"'(\[])(?:/[\w.~+-]+){2,}"  # two parts and more, in a text
    r"|file://|(?:^|[^A-Za-z])[A-Za-z]:[\\/]+\w"
)
COMMIT = re.compile(r"[0-9a-f]{40}")


def duplicates(folder: Folder) -> Iterator[Finding]:
    """A cell stands once under a protocol."""
    seen: dict[Key, Row] = {}
    for row in folder.rows:
        first = seen.setdefault(row.key, row)
        if first is not row:
            problem = f"cell {row.record.cell} of protocol {row.record.protocol_hash[:12]} stands in {first.where} too"
            yield Finding("duplicate", row.where, problem, "Remove the older of the two rows.")


def names(folder: Folder) -> Iterator[Finding]:
    """A row stands in the file of its protocol."""
    for row in folder.rows:
        if PurePosixPath(row.file).stem != row.stem:
            problem = f"a row of protocol {row.stem}, in the file of another"
            yield Finding("file name", row.where, problem, f"Move the row to records/{row.stem}.jsonl.")


def one_protocol(folder: Folder) -> Iterator[Finding]:
    """Rows of one protocol hash say the same of the protocol: its fields are part of the hash."""
    for row in folder.rows:
        first = folder.firsts[row.record.protocol_hash]
        if row.record.protocol_fields != first.record.protocol_fields:
            problem = f"protocol_fields differ from those of {first.where}, and the protocol hash does not"
            yield Finding("protocol", row.where, problem, "One of the two rows was edited: run its cell again.")


def paths(folder: Folder) -> Iterator[Finding]:
    """No row names a place on somebody's machine."""
    for row in folder.rows:
        for field, text in _texts(row.record.model_dump(mode="json")):
            if ABSOLUTE.search(text):
                problem = f"{field} holds an absolute path: {text[:100]!r}"
                advice = "Give the file by a location setting or a relative path, and run the cell again."
                yield Finding("path", row.where, problem, advice)


def commits(folder: Folder) -> Iterator[Finding]:
    """Every row is of a commit that anybody can check out."""
    for row in folder.rows:
        if not COMMIT.fullmatch(row.record.git):
            problem = f"git is {row.record.git!r}, and no clean commit of 40 hex digits"
            yield Finding("commit", row.where, problem, "Commit the changes, and run the cell again from a checkout.")


def _texts(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a plain value with the field that it is in, keys of mappings too."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield field or name, name
            yield from _texts(inner, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, field)
