"""k-reciprocal encoding: each image as a sparse row of weights over the gallery images that it is near to both ways.

All of it after Zhong et al., Re-ranking person re-identification with k-reciprocal encoding, CVPR 2017, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness import Ranking

from ._scores import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PAIRS = 2**14
"""Pairs of rows compared at once; it changes no result."""


def listed(lists: Ranking, values: NDArray[Any], kept: NDArray[np.bool_]) -> csr_array:
    """``values`` [r, n] at the gallery columns that ``lists`` names, where ``kept`` [r, n]: sparse [r, g]."""
    from scipy.sparse import csr_array

    rows, _ = np.nonzero(kept)
    return csr_array((values[kept], (rows, lists.order[kept])), shape=(len(lists.order), len(lists.gallery_ids)))


def first(lists: Ranking, depth: int) -> csr_array:
    """1.0 at the first ``depth`` images of each list, sparse [r, g]."""
    kept = (lists.order >= 0) & (np.arange(lists.order.shape[1]) < depth)
    return listed(lists, np.ones(kept.shape), kept)


def farthest(neighbours: Ranking, depth: int) -> Floats:
    """The cosine [g] that an image must reach to be among the ``depth`` nearest of each gallery image."""
    if neighbours.order.shape[1] < depth:
        return np.full(len(neighbours.order), -np.inf)
    return neighbours.scores[:, depth - 1]


def reciprocal(lists: Ranking, depth: int, reach: Floats) -> csr_array:
    """1.0 where an image and one of the first ``depth`` of its list are near both ways, sparse [r, g].

    ``reach``: :func:`farthest` of the same depth.
    """
    near = (lists.order >= 0) & (np.arange(lists.order.shape[1]) < depth)
    near[near] = lists.scores[near] >= reach[lists.order[near]]
    return listed(lists, np.ones(near.shape), near)


def grown(near: csr_array, half: csr_array) -> csr_array:
    """``near`` [r, g], and the ``half`` set [g, g] of each member that has two thirds of it or more in ``near``."""
    size = half.sum(axis=1)
    trusted = near.multiply(near @ half.T)
    trusted.data = (3 * trusted.data >= 2 * size[trusted.indices]).astype(np.float64)
    union: csr_array = (near + trusted @ half).sign()
    return union


def encoded(near: csr_array, lists: Ranking, own: csr_array | None = None) -> csr_array:
    """Weights exp(-cosine distance) at ``near`` [r, g], each row of sum 1 or empty.

    An image that a list does not show counts as near as the last that it shows. ``own``: 1.0 where a row is the image
    itself, at distance 0.
    """
    shown = lists.order >= 0
    weights = listed(lists, np.exp(np.where(shown, lists.scores, 0.0) - 1), shown)
    known = near.multiply(weights if own is None else weights + own)
    unknown = near - known.sign()
    last = np.exp(np.min(lists.scores, axis=1, where=shown, initial=1.0) - 1)
    return _normalised(known + scaled(unknown, last))


def scaled(matrix: csr_array, factors: Floats) -> csr_array:
    """Each row of a sparse matrix [r, g] times its factor [r]."""
    from scipy.sparse import diags_array

    product: csr_array = diags_array(factors).tocsr() @ matrix
    return product


def _normalised(matrix: csr_array) -> csr_array:
    total = matrix.sum(axis=1)
    return scaled(matrix, np.divide(1.0, total, out=np.zeros_like(total), where=total > 0))


def expanded(own: csr_array, nearest: csr_array, gallery: csr_array) -> csr_array:
    """The mean of each encoding [r, g] and those of its ``nearest`` gallery images (local query expansion)."""
    mean = scaled(own + nearest @ gallery, 1 / (1 + nearest.sum(axis=1)))
    mean.sort_indices()
    return mean


def overlap(queries: csr_array, gallery: csr_array, order: NDArray[np.int32]) -> Floats:
    """Jaccard similarity of each query's encoding and each candidate's, float64 [q, k], 0 behind padding.

    The sum of the smaller weights over the sum of the larger ones; 0 where both are empty.
    """
    similarity = np.zeros(order.shape)
    rows, places = np.nonzero(order >= 0)
    sums = queries.sum(axis=1), gallery.sum(axis=1)
    for start in range(0, len(rows), PAIRS):
        row, place = rows[start : start + PAIRS], places[start : start + PAIRS]
        candidate = order[row, place]
        smaller = queries[row].minimum(gallery[candidate]).sum(axis=1)
        larger = sums[0][row] + sums[1][candidate] - smaller
        similarity[row, place] = np.divide(smaller, larger, out=np.zeros_like(smaller), where=larger > 0)
    return similarity
