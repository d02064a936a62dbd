"""The retrieve stage: an exact shortlist for each query by cosine, in blocks, never the full matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.stages.ties import checksums, mixed
from harness.types import Embeddings, Floats, Ranking

if TYPE_CHECKING:
    from torch import Tensor

DECIMALS = 6
"""Cosines are rounded to this before they are ranked: what differs by less is a tie."""
CELLS = 2**26
"""Most cosines held at once (268 MB); a large gallery makes the blocks smaller."""
SPARE = 32
"""Candidates that are looked at beyond the k best of a block product, before all of a row is."""


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
        device: where the products are computed, ``cpu`` or ``cuda``.

    Equal cosines are ordered by a hash of the two ids, so that the row order of the gallery decides nothing. A gallery
    image with the query's own id is never its candidate. A float32 product in blocks finds who may be among the k best,
    by a bound of its rounding; these are computed anew one by one. Memory: the gallery once more, and twice
    ``min(block x g, CELLS)`` cosines.
    """
    q, width = len(queries.ids), min(k, len(gallery.ids))
    order = np.full((q, width), -1, np.int32)
    scores = np.full((q, width), -np.inf, np.float64)
    sums = checksums(queries.ids), checksums(gallery.ids)
    by_id = np.argsort(gallery.ids)  # where even the hashes are equal, the ids decide, not the rows
    for scope in np.unique(query_scope):
        asked, rows = np.flatnonzero(query_scope == scope), by_id[gallery_scope[by_id] == scope]
        if not len(rows):
            continue
        vectors, names = gallery.vectors[rows], gallery.ids[rows]
        for part, near in _near(queries, asked, vectors, names, width, block, device):
            for query, places in zip(asked[part], near, strict=True):
                exact = _exact(queries.vectors[query], vectors[places])
                best = np.lexsort((mixed(sums[0][query], sums[1][rows[places]]), -exact))[:width]
                order[query, : len(best)] = rows[places[best]]
                scores[query, : len(best)] = exact[best]
    return Ranking(queries.ids, gallery.ids, order, scores)


def slack(dim: int) -> float:
    """How far below the k-th cosine of a float32 product a candidate may lie and still be among the k best.

    Two cosines of unit vectors, each off by at most dim x 2^-24 / (1 - dim x 2^-24) (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 3.1) for any order of the sum, and the rounding to DECIMALS.
    """
    unit = dim * 2.0**-24
    return 2 * 1.01 * unit / (1 - unit) + 10.0**-DECIMALS


def _near(
    queries: Embeddings,
    asked: NDArray[np.int64],
    gallery: Floats,
    names: NDArray[np.str_],
    width: int,
    block: int,
    device: str,
) -> Iterator[tuple[slice, list[NDArray[np.int64]]]]:
    """For each block of the asked queries: its rows, and for each query the gallery rows, rising, that may be among
    its ``width`` best once cosines are exact and rounded."""
    import torch

    answers = torch.from_numpy(gallery).to(device).T
    size, margin = max(1, min(block, CELLS // len(gallery))), slack(gallery.shape[1])
    most = min(width + SPARE, len(gallery))
    for start in range(0, len(asked), size):
        rows = slice(start, start + size)
        cosines = torch.from_numpy(queries.vectors[asked[rows]]).to(device) @ answers
        _hide_own(cosines, queries.ids[asked[rows]], names)
        values, places = torch.topk(cosines, most, dim=1)
        limit = values[:, min(width, most) - 1] - margin
        kept = ((values >= limit[:, None]) & (values > -torch.inf)).sum(dim=1).tolist()
        found = places.cpu().numpy()
        near = [np.sort(found[row, :count]) for row, count in enumerate(kept)]
        for row in (row for row, count in enumerate(kept) if count == most < len(gallery)):
            near[row] = torch.nonzero(cosines[row] >= limit[row])[:, 0].cpu().numpy()
        yield rows, near


def _hide_own(cosines: Tensor, query_ids: NDArray[np.str_], gallery_ids: NDArray[np.str_]) -> None:
    """Put ``-inf`` [b, g] where a query meets its own id; the gallery ids are sorted."""
    place = np.minimum(np.searchsorted(gallery_ids, query_ids), len(gallery_ids) - 1)
    own = np.flatnonzero(gallery_ids[place] == query_ids)
    cosines[own, place[own]] = -np.inf


def _exact(query: Floats, gallery: Floats) -> NDArray[np.float64]:
    """Rounded cosines [n] of one query [d] with [n, d], each summed by itself: a matrix product rounds each block
    shape, thread count and device in its own way, which would re-order near-ties."""
    return np.asarray(np.round((gallery * query.astype(np.float64)).sum(axis=1), DECIMALS), dtype=np.float64)
