"""Leaks: queries whose picture, or one taken in the same minute, stands in the gallery that they are asked against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.audit.joins import Pairs, equal, keys, near
from harness.audit.photographs import Photograph
from harness.errors import DataError
from harness.table import ImageTable

KINDS = ("bytes", "pixels", "near", "group", "photograph")
"""In order of strength: same file; same decoded pixels; near-duplicate by perceptual hash; the same individual in one
group (encounter, day, cluster) or on one date; crops of one photograph of the same individual."""
MOST = 10
"""Most pairs that a query lists of a kind: thousands of black pictures would otherwise be millions of pairs."""


@dataclass(frozen=True, eq=False, slots=True)
class LeakPair:
    """A query and a gallery image, as rows of the two tables. ``distance``: differing bits (``near``), 1 less the
    correlation (``photograph``), else 0."""

    kind: str
    query: int
    gallery: int
    distance: float


@dataclass(frozen=True, eq=False)
class Leaks:
    """``kinds``: kind -> which queries have such a leak, bool [q]; a stronger kind hides no weaker one. ``pairs``: each
    once, under its strongest kind, sorted by kind, query and distance; at most :data:`MOST` of a query and kind."""

    kinds: Mapping[str, NDArray[np.bool_]]
    pairs: tuple[LeakPair, ...]

    def any(self) -> NDArray[np.bool_]:
        """Whether each query has a leak of any kind, bool [q].

        Raises:
            DataError: no kind was looked for.
        """
        if not self.kinds:
            raise DataError("no kind of leak was looked for", f"Name some of {', '.join(KINDS)}.")
        return _either(list(self.kinds.values()))


def find_leaks(
    query: ImageTable,
    gallery: ImageTable,
    query_scope: NDArray[np.str_],
    gallery_scope: NDArray[np.str_],
    kinds: Sequence[str],
    near_bits: int,
    photographs: Mapping[tuple[int, int], Photograph] | None = None,
) -> Leaks:
    """Look for leaks of these kinds within each scope; seconds for 30,000 queries against 110,000 images.

    Args:
        query: [q] rows with hashes; ``gallery``: [g] rows with hashes.
        query_scope: [q] group of each query; ``gallery_scope``: [g] group of each gallery image.
        kinds: some of :data:`KINDS`.
        near_bits: most differing bits of 64 of the kind ``near``.
        photographs: (query row, gallery row) -> comparison, for the kind ``photograph``; see :mod:`.photographs`.

    Raises:
        DataError: an unknown kind, or ``photograph`` without comparisons.
    """
    _check(kinds, photographs)
    left, right = (query, query_scope), (gallery, gallery_scope)
    found: dict[str, tuple[Pairs, ...]] = {}
    for kind in (kind for kind in KINDS if kind in kinds):
        if kind == "near":
            scopes = query_scope, gallery_scope
            found[kind] = (near(query.phash.tolist(), gallery.phash.tolist(), *scopes, near_bits, MOST),)
        elif kind == "photograph":
            found[kind] = (_same_photograph(len(query), photographs or {}),)
        else:
            found[kind] = tuple(equal(keys(*left, *c), keys(*right, *c), MOST) for c in _columns(kind))
    flags = {kind: _either([part.found for part in parts]) for kind, parts in found.items()}
    return Leaks(flags, _listed(found, len(gallery)))


def _either(flags: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce(flags), np.bool_)


def _check(kinds: Sequence[str], photographs: object) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise DataError(f"there is no kind of leak {unknown[0]!r}", f"There are: {', '.join(KINDS)}.")
    if "photograph" in kinds and photographs is None:
        raise DataError("leaks of the kind 'photograph' need compared photographs", "Compare them, or drop the kind.")


def _columns(kind: str) -> tuple[tuple[str, ...], ...]:
    """The columns that agree in a leak of this kind; one of several sets is enough."""
    if kind == "group":
        return ("identity", "group"), ("identity", "date")
    return (("digest",),) if kind == "bytes" else ((kind,),)


def _same_photograph(queries: int, compared: Mapping[tuple[int, int], Photograph]) -> Pairs:
    same = sorted((q, 1 - photo.correlation, g) for (q, g), photo in compared.items() if photo.same)
    left = np.array([q for q, _, _ in same], np.int64)
    first = np.searchsorted(left, left)  # nearest first, and only so many
    kept = np.arange(len(left)) - first < MOST
    right, distance = np.array([g for _, _, g in same], np.int64), np.array([d for _, d, _ in same], np.float64)
    return Pairs(np.isin(np.arange(queries), left), left[kept], right[kept], distance[kept])


def _listed(found: Mapping[str, tuple[Pairs, ...]], gallery: int) -> tuple[LeakPair, ...]:
    """Every pair once, under the first kind that has it."""
    parts = [(KINDS.index(kind), part) for kind, several in found.items() for part in several]
    if not parts:
        return ()
    strength = np.concatenate([np.full(len(part.left), number) for number, part in parts])
    left, right, distance = (np.concatenate([part[column] for _, part in parts]) for column in (1, 2, 3))
    _, first = np.unique(left * gallery + right, return_index=True)
    first = first[np.lexsort((right[first], distance[first], left[first], strength[first]))]
    rows = zip(
        strength[first].tolist(), left[first].tolist(), right[first].tolist(), distance[first].tolist(), strict=True
    )
    return tuple(LeakPair(KINDS[kind], q, g, d) for kind, q, g, d in rows)
