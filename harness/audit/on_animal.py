"""Where matches lie: the share of matched keypoints on the animal, against what chance would put there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Column, Estimate, means
from harness.types import Image

KINDS = ("right", "wrong")
"""Pairs of one individual, and pairs of two."""
ENDS = ("query", "both")
"""Which ends of a match lie on the animal."""


@dataclass(frozen=True, eq=False)
class Place:
    """An image's keypoints and its animal: ``on`` bool [k], which keypoints lie on it; ``area``, its share of the
    photograph; ``taken``, how many of the keypoints, the strongest, take part in matching, None for all."""

    on: NDArray[np.bool_]
    area: float
    taken: int | None = None

    @classmethod
    def of(cls, on: NDArray[np.bool_], mask: Image) -> Place:
        """By which keypoints are on, and the mask [h, w]."""
        return cls(on, float((mask > 0).mean()))

    @property
    def share(self) -> float:
        """Share of the keypoints that lie on the animal; 0 without keypoints, which no match needs."""
        on = self.on[: self.taken]
        return float(on.mean()) if len(on) else 0.0


class PairSeen(NamedTuple):
    """A pair: its query's number, whether it shows one individual, its matches, and how many of them have the query's
    end, or both ends, on the animal; where both ends would lie by area, and by where the keypoints are."""

    query: int
    right: bool
    matches: int
    on_query: int
    on_both: int
    area_query: float
    area_both: float
    keypoints_query: float
    keypoints_both: float


@dataclass(frozen=True)
class Share:
    """The share of matched keypoints on the animal, as a mean over queries.

    ``pairs``: of one individual (``right``) or of two (``wrong``); ``ends``: the query's, or both. ``by_area`` and
    ``by_keypoints``: the share if matches fell anywhere on the photographs, or on any of their keypoints. ``excess``:
    ``share`` less ``by_keypoints``. ``n_pairs``: pairs of that kind; ``n_matched``: those of them with a match, which
    alone count.
    """

    pairs: str
    ends: str
    share: Estimate
    by_area: Estimate
    by_keypoints: Estimate
    excess: Estimate
    n_pairs: int
    n_matched: int


def pair_seen(number: int, right: bool, query: Place, candidate: Place, indices: NDArray[np.int32]) -> PairSeen:
    """Count the matches ``indices`` [m, 2] into the keypoints of (query, candidate)."""
    own = query.on[indices[:, 0]]
    both = own & candidate.on[indices[:, 1]]
    ends = (query.area, query.area * candidate.area, query.share, query.share * candidate.share)
    return PairSeen(number, right, len(indices), int(own.sum()), int(both.sum()), *ends)


def shares(pairs: Iterable[PairSeen], identity: NDArray[np.str_]) -> tuple[Share, ...]:
    """The shares by kind of pair and by end.

    A query's share is that of all its matches in pairs of a kind; what is expected is weighted by these matches too.
    Queries count alike, and those without a match do not count.

    Args:
        identity: of each query [q]; their numbers are its places.
    """
    columns = np.array(list(pairs), np.float64).reshape(-1, len(PairSeen._fields))
    table = dict(zip(PairSeen._fields, columns.T, strict=True))
    return tuple(_share(kind, ends, table, identity) for kind in KINDS for ends in ENDS)


def _share(kind: str, ends: str, table: dict[str, Column], identity: NDArray[np.str_]) -> Share:
    chosen = table["right"] == (kind == "right")
    query, matches = table["query"][chosen].astype(np.int64), table["matches"][chosen]

    def a_query(total: Column) -> Column:
        """Over the matches of each query, NaN without any."""
        out: Column = np.full(len(identity), np.nan)
        sums, there = (np.bincount(query, column, len(identity)) for column in (total, matches))
        return np.divide(sums, there, out=out, where=there > 0)

    share = a_query(table[f"on_{ends}"][chosen])
    by_area, by_keypoints = (a_query(matches * table[f"{by}_{ends}"][chosen]) for by in ("area", "keypoints"))
    columns = {"share": share, "by_area": by_area, "by_keypoints": by_keypoints, "excess": share - by_keypoints}
    return Share(kind, ends, n_pairs=len(matches), n_matched=int((matches > 0).sum()), **means(columns, identity))
