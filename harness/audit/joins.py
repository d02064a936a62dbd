"""Pairs of rows of two tables that agree: on text, or on all but a few bits of a hash; never a dense grid of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.table import ImageTable

Rows = NDArray[np.int64]


class Pairs(NamedTuple):
    """``found`` bool [q]: which rows of the left table have a partner; ``left``, ``right`` int64 [p]: rows of both
    tables, by left row; ``distance`` float64 [p]."""

    found: NDArray[np.bool_]
    left: Rows
    right: Rows
    distance: NDArray[np.float64]


def keys(table: ImageTable, scope: NDArray[np.str_], *columns: str) -> list[Hashable]:
    """For each row its scope with the values of these columns [n]; None where one of the values is empty."""
    texts = zip(scope.tolist(), *(getattr(table, name).tolist() for name in columns), strict=True)
    return [text if all(text[1:]) else None for text in texts]


def equal(left: Sequence[Hashable], right: Sequence[Hashable], most: int | None = None) -> Pairs:
    """Pairs of equal keys, None equal to none; of each left row the first ``most`` (None: all) by right row."""
    number: dict[Hashable, int] = {}
    known = np.array([-1 if k is None else number.setdefault(k, len(number)) for k in right], np.int64)
    asked = np.array([-2 if k is None else number.get(k, -2) for k in left], np.int64)
    order = np.argsort(known, kind="stable")
    start, stop = (np.searchsorted(known[order], asked, side) for side in ("left", "right"))
    count = stop - start
    take = count if most is None else np.minimum(count, most)
    place = np.arange(int(take.sum())) - np.repeat(np.cumsum(take) - take, take)
    rows = np.repeat(np.arange(len(asked)), take)
    return Pairs(count > 0, rows, order[np.repeat(start, take) + place], np.zeros(len(rows)))


def near(
    left: Sequence[str],
    right: Sequence[str],
    left_scope: NDArray[np.str_],
    right_scope: NDArray[np.str_],
    bits: int,
    most: int | None = None,
) -> Pairs:
    """Pairs of 64-bit hashes (16 hex digits; empty: none) of one scope that differ in at most ``bits`` bits.

    Of each left row the nearest ``most`` (None: all), then by right row. Memory: one left row against all of the right.
    """
    asked, known = _hashes(left), _hashes(right)
    none = np.empty(0, np.int64)
    found = np.zeros(len(left), np.bool_)
    rows, partners, distances = [none], [none], [np.empty(0)]
    for scope in np.unique(left_scope[asked.rows]):
        here = np.flatnonzero(right_scope[known.rows] == scope)
        values = known.values[here]
        for place in np.flatnonzero(left_scope[asked.rows] == scope):
            differing = np.bitwise_count(values ^ asked.values[place])
            hits = np.flatnonzero(differing <= bits)
            if len(hits):
                row = asked.rows[place]
                best = hits[np.argsort(differing[hits], kind="stable")][:most]
                found[row] = True
                rows.append(np.full(len(best), row))
                partners.append(known.rows[here[best]])
                distances.append(differing[best].astype(np.float64))
    every, by_row = np.concatenate(rows), np.argsort(np.concatenate(rows), kind="stable")
    return Pairs(found, every[by_row], np.concatenate(partners)[by_row], np.concatenate(distances)[by_row])


class _Hashes(NamedTuple):
    rows: Rows
    values: NDArray[np.uint64]


def _hashes(texts: Sequence[str]) -> _Hashes:
    """The rows that have a hash, and the hashes as numbers."""
    rows = [row for row, text in enumerate(texts) if text]
    return _Hashes(np.array(rows, np.int64), np.array([int(texts[row], 16) for row in rows], np.uint64))
