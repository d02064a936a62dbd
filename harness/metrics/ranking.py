"""Ranking metrics: R-k from one ranked list a query, and how often the first place is tied."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.types import Ranking


def first_hits(
    ranking: Ranking,
    query_identity: NDArray[np.str_],
    gallery_identity: NDArray[np.str_],
    level: Literal["image", "identity"] = "image",
) -> NDArray[np.int64]:
    """The rank of the first right answer of each query, from 1; 0 where the list does not hold it. int64 [q].

    Args:
        ranking: [q, k].
        query_identity: [q]; ``gallery_identity``: [g].
        level: ``image`` counts gallery images; ``identity`` counts distinct individuals, each at its best image.
    """
    names, codes = np.unique(np.concatenate([gallery_identity, query_identity]), return_inverse=True)
    answers = np.append(codes[: len(gallery_identity)], len(names))[ranking.order]  # -1 -> the last: nobody
    right = answers == codes[len(gallery_identity) :][:, None]
    hits = np.where(right.any(axis=1), right.argmax(axis=1) + 1, 0)
    if level == "image":
        return hits
    return np.array([len(np.unique(row[:hit])) if hit else 0 for row, hit in zip(answers, hits, strict=True)], np.int64)


def within(hits: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """1 where the right answer is among the first k, else 0; float64 [q]. Its mean is R-k."""
    return ((hits > 0) & (hits <= k)).astype(np.float64)


def tied_first(ranking: Ranking) -> NDArray[np.float64]:
    """1 where the first place of a query has the same score as the second, else 0; float64 [q].

    Its mean is the tie rate: the share of queries whose first answer was left to the tie rule.
    """
    if ranking.order.shape[1] < 2:
        return np.zeros(len(ranking.order))
    tied = (ranking.scores[:, 0] == ranking.scores[:, 1]) & (ranking.order[:, 1] >= 0)
    return np.asarray(tied, dtype=np.float64)
