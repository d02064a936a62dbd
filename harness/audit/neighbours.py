"""Neighbours in an embedding: pairs so alike that a copy must be suspected, though no hash has seen it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.audit.leaks import MOST, LeakPair
from harness.stages.retrieve import retrieve
from harness.types import Embeddings

KIND = "neighbour"
LEAST = 0.98
"""Cosine from which a pair is listed."""


def neighbours(
    queries: Embeddings,
    gallery: Embeddings,
    query_scope: NDArray[np.str_],
    gallery_scope: NDArray[np.str_],
    known: tuple[LeakPair, ...] = (),
    least: float = LEAST,
) -> tuple[LeakPair, ...]:
    """Pairs of one scope with a cosine of at least ``least`` that are not ``known``, by query and distance, 1 - cosine.

    At most :data:`MOST` a query. It is a hint, no leak: what an embedding holds for alike depends on the embedding.
    """
    found = retrieve(queries, gallery, MOST, query_scope, gallery_scope)
    told = {(pair.query, pair.gallery) for pair in known}
    places = zip(*(rows.tolist() for rows in np.nonzero(found.scores >= least)), strict=True)
    pairs = [(row, int(found.order[row, column]), 1 - float(found.scores[row, column])) for row, column in places]
    return tuple(LeakPair(KIND, row, other, away) for row, other, away in pairs if (row, other) not in told)
