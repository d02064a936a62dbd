"""The retrieve stage: an exact shortlist for each query by cosine, in blocks, never the full matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.stages.ties import order_rows, tie_hash
from harness.types import Embeddings, Ranking

DECIMALS = 6
"""Cosines are rounded to this before they are ranked: what differs by less is a tie."""
SLACK = 2e-6
"""How far below the k-th cosine a candidate may lie and still be looked at: rounding, and the error of the product."""
CELLS = 2**25
"""Most cosines held at once (268 MB); a large gallery makes the blocks smaller."""


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
        k: length of the shortlist, at least 1; rows with fewer candidates are padded with -1 and ``-inf``.
        query_scope: [q] group of each query.
        gallery_scope: [g] group of each gallery image ("" everywhere in both: one group).
        block: most queries at once. It changes neither order nor scores.
        device: where the products are computed, ``cpu`` or ``cuda``; it must have float64.

    Equal cosines are ordered by a hash of the two ids, so that the row order of the gallery decides nothing. A gallery
    image with the query's own id is never its candidate. Memory: the gallery once more in float64, and twice
    ``min(block x g, CELLS)`` cosines.
    """
    q, width = len(queries.ids), min(k, len(gallery.ids))
    order = np.full((q, width), -1, np.int32)
    scores = np.full((q, width), -np.inf, np.float64)
    by_id = np.argsort(gallery.ids)  # where even the hashes are equal, the ids decide, not the rows
    for scope in np.unique(query_scope):
        asked, rows = np.flatnonzero(query_scope == scope), by_id[gallery_scope[by_id] == scope]
        if not len(rows):
            continue
        vectors, names = gallery.vectors[rows].astype(np.float64), gallery.ids[rows]
        for part, cosines in _cosines(queries.vectors[asked].astype(np.float64), vectors, block, device):
            ids = queries.ids[asked[part]]
            _hide_own(cosines, ids, names)
            for place, row in enumerate(cosines):
                query = asked[part][place]
                near = _near(row, min(width, len(rows)))
                exact = _exact(queries.vectors[query], vectors[near])
                best = order_rows(tie_hash(ids[place : place + 1], names[near][None, :]), exact[None, :])[0, :width]
                order[query, : len(best)] = rows[near[best]]
                scores[query, : len(best)] = exact[best]
    return Ranking(queries.ids, gallery.ids, order, scores)


def _cosines(
    queries: NDArray[np.float64], gallery: NDArray[np.float64], block: int, device: str
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Cosines of a block of queries with the gallery of their scope: (rows, [b, g]), good to far less than SLACK."""
    import torch

    answers = torch.from_numpy(gallery).to(device).T
    size = max(1, min(block, CELLS // len(gallery)))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        yield rows, (torch.from_numpy(queries[rows]).to(device) @ answers).cpu().numpy()


def _hide_own(cosines: NDArray[np.float64], query_ids: NDArray[np.str_], gallery_ids: NDArray[np.str_]) -> None:
    """Put ``-inf`` [b, g] where a query meets its own id; the gallery ids are sorted."""
    place = np.minimum(np.searchsorted(gallery_ids, query_ids), len(gallery_ids) - 1)
    own = np.flatnonzero(gallery_ids[place] == query_ids)
    cosines[own, place[own]] = -np.inf


def _near(cosines: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Columns [n >= k where there are so many] that may be among the k best once cosines are exact and rounded."""
    kth = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
    return np.flatnonzero((cosines >= kth - SLACK) & (cosines > -np.inf))


def _exact(query: NDArray[np.float32], gallery: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded cosines [n] of one query [d] with [n, d], each summed by itself: a matrix product rounds each block
    shape, thread count and device in its own way, which would re-order near-ties."""
    return np.asarray(np.round((gallery * query).sum(axis=1), DECIMALS), dtype=np.float64)
