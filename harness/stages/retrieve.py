"""The retrieve stage: an exact shortlist for each query by cosine, in blocks, never the full matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.stages.ties import order_rows, tie_hash
from harness.types import Embeddings, Ranking

DECIMALS = 6
"""Cosines are rounded to this before they are ranked, so that the shape of a block cannot order near-ties."""


def retrieve(
    queries: Embeddings,
    gallery: Embeddings,
    k: int,
    query_scope: NDArray[np.str_],
    gallery_scope: NDArray[np.str_],
    block: int = 1024,
    device: str = "cpu",
) -> Ranking:
    """The k nearest gallery images of each query by cosine similarity; a query sees only gallery rows of its scope.

    Args:
        queries: [q] vectors; ``gallery``: [g] vectors of the same dimension.
        k: length of the shortlist; rows with fewer candidates are padded with -1.
        query_scope: [q] group of each query, ``gallery_scope`` [g] that of each gallery image ("" everywhere: one group).
        block: queries a block; memory is block x g scores. It does not change the result.
        device: where the products are computed.

    Equal cosines are ordered by a hash of the two ids, so that the row order of the gallery decides nothing. A gallery
    image with the query's own id is never its candidate.
    """
    q, width = len(queries.ids), min(k, len(gallery.ids))
    order = np.full((q, width), -1, np.int32)
    scores = np.full((q, width), -np.inf, np.float64)
    for scope in np.unique(query_scope):
        asked, rows = np.flatnonzero(query_scope == scope), np.flatnonzero(gallery_scope == scope)
        if not len(rows):
            continue
        for part, cosines in _cosines(queries.vectors[asked], gallery.vectors[rows], block, device):
            ids = queries.ids[asked[part]]
            cosines[ids[:, None] == gallery.ids[rows][None, :]] = -np.inf
            best, found = _top(cosines, min(width, len(rows)), ids, gallery.ids[rows])
            places = asked[part][:, None], np.arange(best.shape[1])[None, :]
            order[places] = np.where(np.isneginf(found), -1, rows[best])
            scores[places] = found
    return Ranking(queries.ids, gallery.ids, order, scores)


def _cosines(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], block: int, device: str
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Rounded cosines of a block of queries against all of the gallery's scope: (rows, [b, g])."""
    import torch

    answers = torch.from_numpy(gallery).to(device).T
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        product = torch.from_numpy(queries[rows]).to(device) @ answers
        yield rows, np.round(product.cpu().numpy().astype(np.float64), DECIMALS)


def _top(
    cosines: NDArray[np.float64], k: int, query_ids: NDArray[np.str_], gallery_ids: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Columns and scores of the k best of each row [b, k]; ties, also those across the k-th place, by the hash."""
    best = np.empty((len(cosines), k), np.int64)
    kth = -np.partition(-cosines, k - 1, axis=1)[:, k - 1]
    for row, bound in enumerate(kth):
        candidates = np.flatnonzero(cosines[row] >= bound)
        hashes = tie_hash(query_ids[row : row + 1], gallery_ids[candidates][None, :])
        best[row] = candidates[order_rows(hashes, cosines[row, candidates][None, :])[0, :k]]
    return best, np.take_along_axis(cosines, best, axis=1)
