"""The report of an audit: leaks by data set, findings with their first culprits, and the pairs behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.audit.identities import check_identities
from harness.audit.leaks import KINDS, LeakPair, Leaks, find_leaks
from harness.audit.photographs import Photograph
from harness.protocol import Data
from harness.table import ImageTable

LISTED = 50
"""Most pairs and culprits that are listed of a kind; their number is always told."""
COLUMNS = {"bytes": ("digest",), "pixels": ("pixels",), "near": ("phash",), "group": ("group", "date")}
"""Kind -> columns of which one must be filled before it can be looked for."""


@dataclass(frozen=True)
class Finding:
    """Something to look at: how many there are, what they are, and the first of them by name."""

    name: str
    n: int
    text: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """A listed pair, by image files and individuals; ``distance`` as :class:`harness.audit.leaks.LeakPair` has it."""

    kind: str
    query: str
    gallery: str
    query_identity: str
    gallery_identity: str
    distance: float


@dataclass(frozen=True)
class Listing:
    """Pairs of a kind: how many, and the first of them."""

    n: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Audit:
    """What an audit has found.

    Attributes:
        dataset, protocol, protocol_hash: what was looked at.
        leaked: data set -> ``queries``, how many of them have a leak of each kind, and of any; "all": of all data sets.
        unchecked: kinds that could not be, or were not, looked for, with the reason.
        findings: copies and identities; those with n = 0 too, so that it is told what was looked for.
        pairs: kind -> its pairs, each under its strongest kind.
    """

    dataset: str
    protocol: str
    protocol_hash: str
    leaked: Mapping[str, Mapping[str, int]]
    unchecked: Mapping[str, str]
    findings: tuple[Finding, ...]
    pairs: Mapping[str, Listing]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; the count of a kind that could not be looked for is null, not 0."""
        plain = asdict(self)
        for counts in plain["leaked"].values():
            counts.update({kind: None for kind in self.unchecked if kind in counts})
        return plain


def leaks_of(
    data: Data, near_bits: int | None = None, photographs: Mapping[tuple[int, int], Photograph] | None = None
) -> Leaks:
    """Leaks of every kind that can be looked for, of the kind ``photograph`` only where comparisons are given."""
    query, gallery = split(data)
    kinds = [kind for kind in KINDS if kind != "photograph" or photographs is not None]
    bits = data.protocol.near_bits if near_bits is None else near_bits
    return find_leaks(query, gallery, data.scope(query), data.scope(gallery), kinds, bits, photographs)


def audit(data: Data, leaks: Leaks, neighbours: Sequence[LeakPair] | None = None) -> Audit:
    """Put together what was found.

    Args:
        data: rows with roles and hashes.
        leaks: as :func:`leaks_of` gives them.
        neighbours: pairs that an embedding holds for alike, None where it was not asked.
    """
    query, gallery = split(data)
    unchecked = _unchecked(data.table, leaks)
    told = (*leaks.pairs, *(neighbours or ()))
    kinds = [
        *(kind for kind in leaks.kinds if kind not in unchecked),
        *(["neighbour"] if neighbours is not None else []),
    ]
    return Audit(
        dataset=data.dataset,
        protocol=data.protocol.title,
        protocol_hash=data.protocol_hash,
        leaked=_leaked(query, leaks),
        unchecked=unchecked,
        findings=(*_copies(data.table), _confused(query, gallery, leaks), *_identities(data.table)),
        pairs={kind: _listing([pair for pair in told if pair.kind == kind], query, gallery) for kind in kinds},
    )


def split(data: Data) -> tuple[ImageTable, ImageTable]:
    """Queries, and the gallery that they are asked against."""
    return data.table.having("query"), data.table.having("train", "validation", "gallery")


def _unchecked(table: ImageTable, leaks: Leaks) -> dict[str, str]:
    reasons = {kind: "not looked for" for kind in KINDS if kind not in leaks.kinds}
    for kind, columns in COLUMNS.items():
        if not any((getattr(table, name) != "").any() for name in columns):
            reasons[kind] = f"the data set gives no {' and no '.join(columns)}"
    return reasons


def _leaked(query: ImageTable, leaks: Leaks) -> dict[str, dict[str, int]]:
    flags = {**leaks.kinds, "any": leaks.any()}
    names = np.unique(query.dataset)
    rows = {str(name): query.dataset == name for name in names if name and len(names) > 1}
    rows["all"] = np.ones(len(query), np.bool_)
    return {
        name: {"queries": int(mask.sum()), **{kind: int(flag[mask].sum()) for kind, flag in flags.items()}}
        for name, mask in rows.items()
    }


def _copies(table: ImageTable) -> tuple[Finding, ...]:
    """Pictures that are there several times, wherever they stand, and those of them that are two individuals."""
    files, pictures = _repeated(table, "digest"), _repeated(table, "pixels")
    saved = [rows for rows in pictures if len(set(table.digest[rows].tolist())) > 1]
    across = [rows for rows in files if len(set((table.role[rows] == "query").tolist())) > 1]
    torn = [rows for rows in pictures if len(set(table.identity[rows].tolist())) > 1]
    return (
        _finding("copied files", "files that are there several times", [_paths(table, rows) for rows in files]),
        _finding("leaked files", "of them on both sides of the split", [_paths(table, rows) for rows in across]),
        _finding("copied pictures", "pictures saved in several files", [_paths(table, rows) for rows in saved]),
        _finding("torn pictures", "pictures that are said to show two individuals", [_paths(table, r) for r in torn]),
    )


def _confused(query: ImageTable, gallery: ImageTable, leaks: Leaks) -> Finding:
    pairs = [p for p in leaks.pairs if p.kind == "near" and query.identity[p.query] != gallery.identity[p.gallery]]
    names = [f"{query.path[p.query]} = {gallery.path[p.gallery]}" for p in pairs]
    return _finding("near-duplicates of others", "near-duplicates that are said to be two individuals", names)


def _identities(table: ImageTable) -> tuple[Finding, ...]:
    found = check_identities(table)
    alike = [f"{pair.first} = {pair.second} ({pair.why})" for pair in found.alike]
    return (
        _finding("alike names", "pairs of individuals whose names look like one", alike),
        _finding("spread individuals", "individuals of two species or two data sets", found.spread),
        _finding("no individuals", "names that mean no individual", found.unnamed),
        _finding("single photographs", "individuals with one photograph", found.singles),
        _finding(
            "other side only", "individuals whose gallery shows one side, their queries the other", found.one_sided
        ),
    )


def _finding(name: str, text: str, culprits: Sequence[str]) -> Finding:
    return Finding(name, len(culprits), text, tuple(culprits[:LISTED]))


def _repeated(table: ImageTable, column: str) -> list[list[int]]:
    """Rows that share a value, by first row."""
    groups: dict[str, list[int]] = {}
    for row, value in enumerate(getattr(table, column).tolist()):
        if value:
            groups.setdefault(value, []).append(row)
    return [rows for rows in groups.values() if len(rows) > 1]


def _paths(table: ImageTable, rows: list[int]) -> str:
    return " = ".join(table.path[rows[:4]].tolist()) + (" ..." if len(rows) > 4 else "")


def _listing(found: Sequence[LeakPair], query: ImageTable, gallery: ImageTable) -> Listing:
    first = tuple(
        Pair(
            pair.kind,
            str(query.path[pair.query]),
            str(gallery.path[pair.gallery]),
            str(query.identity[pair.query]),
            str(gallery.identity[pair.gallery]),
            round(pair.distance, 4),
        )
        for pair in found[:LISTED]
    )
    return Listing(len(found), first)
