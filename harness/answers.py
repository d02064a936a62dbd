"""What fusions and known-or-new rules are handed, and what they answer: frozen, checked when made, all arrays numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.types import Ids, PairScores, Ranking, require, unique


@dataclass(frozen=True, eq=False)
class Shortlist:
    """What a fusion may look at; no identity is in it.

    ``ranking``: the global shortlist [q, k]. ``local``: what the matcher found, aligned with ``ranking.order``; None in
    a cell without a matcher. ``neighbours``: the gallery asked against itself [g, n], itself left out, where the fusion
    declares that it needs it, else None; its ids are those of ``ranking.gallery_ids``, in that order.
    """

    ranking: Ranking
    local: PairScores | None = None
    neighbours: Ranking | None = None

    def __post_init__(self) -> None:
        if self.local is not None:
            require(self.local.count.shape == self.ranking.order.shape, "pair scores of another shortlist")
        if self.neighbours is not None:
            own = len(self.neighbours.query_ids) == len(self.ranking.gallery_ids)
            require(own, "neighbours of another gallery")


@dataclass(frozen=True, eq=False)
class QueryScores:
    """What a known-or-new rule may look at: ``query_ids`` [q], the ``dataset`` [q] that each comes from, and named
    columns, each float64 [q] and higher for an animal that is more surely known.

    Columns: ``cosine`` (global score of the first answer), ``margin`` (cosine of the best individual less that of the
    best other one), ``ratio`` (1 less distance of the best individual / distance of the best other one); with a matcher
    also ``count`` and ``normalised-count`` (matches of the first answer, the latter / keypoints of the query), and
    ``fused`` (what the fusion gave the first answer).
    """

    query_ids: Ids
    dataset: Ids
    columns: Mapping[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        require(len(self.dataset) == len(self.query_ids), "query scores: dataset has a wrong length")
        for name, column in self.columns.items():
            require(len(column) == len(self.query_ids), f"query scores: {name} has a wrong length")
            require(bool(np.isfinite(column).all()), f"query scores: {name} is not finite")


@dataclass(frozen=True, eq=False)
class QueryTruth:
    """The truth about validation queries, for a rule to be fitted on; all [q].

    ``known``: whether the individual is in the gallery. ``right``: whether the first answer shows the query's own
    individual (false for new ones). ``identity``: the individual, for averages in which each counts alike.
    """

    known: NDArray[np.bool_]
    right: NDArray[np.bool_]
    identity: Ids

    def __post_init__(self) -> None:
        require(len(self.known) == len(self.right) == len(self.identity), "query truth of unequal length")
        require(not bool((self.right & ~self.known).any()), "a right answer to a query of a new individual")


@dataclass(frozen=True, eq=False)
class Decisions:
    """Per query [q]: the answered identity or :data:`NEW`, and how sure ``known`` is (higher: known): ``confidence``
    float64 on the rule's own scale, ``probability`` float64, the same brought to a probability on validation."""

    query_ids: Ids
    identities: Ids
    confidence: NDArray[np.float64]
    probability: NDArray[np.float64]

    def __post_init__(self) -> None:
        lengths = {len(self.identities), len(self.confidence), len(self.probability)}
        require(lengths == {len(self.query_ids)}, "decisions miss a query")
        unique(self.query_ids, "decisions")
        inside = (self.probability >= 0) & (self.probability <= 1)
        require(bool(inside.all()), "decisions with a probability outside 0 to 1")
