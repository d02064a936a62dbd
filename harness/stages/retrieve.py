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
CHUNK = 4096
"""Gallery images of one product: a block of 1,024 queries with them (17 MB) stays near the processor."""
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
    by a bound of its rounding; these are computed anew one by one. Memory: the gallery once more, and for a block of
    queries ``CHUNK`` cosines and the best of each chunk.
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

    answers, margin = torch.from_numpy(gallery).to(device), slack(gallery.shape[1])
    most = min(width + SPARE, len(gallery))
    for start in range(0, len(asked), block):
        rows = slice(start, start + block)
        vectors = torch.from_numpy(queries.vectors[asked[rows]]).to(device)
        own = _own(queries.ids[asked[rows]], names)
        values, places = _best(vectors, answers, own, most)
        limit = values[:, min(width, most) - 1] - margin
        kept = ((values >= limit[:, None]) & (values > -torch.inf)).sum(dim=1).tolist()
        found = places.cpu().numpy()
        near = [np.sort(found[row, :count]) for row, count in enumerate(kept)]
        for row in (row for row, count in enumerate(kept) if count == most < len(gallery)):
            reaching = torch.nonzero(answers @ vectors[row] >= limit[row])[:, 0].cpu().numpy()
            near[row] = reaching[reaching != own[row]]
        yield rows, near


def _best(vectors: Tensor, answers: Tensor, own: NDArray[np.int64], most: int) -> tuple[Tensor, Tensor]:
    """The ``most`` highest products of each query [b, d] with the gallery [g, d], falling, and their gallery rows: both
    [b, most]. What a query has in ``own`` [b] is ``-inf``."""
    import torch

    values, places = vectors.new_empty(len(vectors), 0), torch.empty(len(vectors), 0, dtype=torch.long)
    places = places.to(vectors.device)
    for start in range(0, len(answers), CHUNK):
        cosines = vectors @ answers[start : start + CHUNK].T
        hidden = np.flatnonzero((own >= start) & (own < start + CHUNK))
        cosines[hidden, own[hidden] - start] = -torch.inf
        high, where = _higher(cosines, values[:, -1:]) if values.shape[1] == most else _all(cosines)
        values, order = torch.topk(torch.cat([values, high], 1), min(most, values.shape[1] + high.shape[1]), dim=1)
        places = torch.cat([places, where + start], 1).gather(1, order)
    return values, places


def _all(cosines: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    return cosines, torch.arange(cosines.shape[1], device=cosines.device).expand(cosines.shape)


def _higher(cosines: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """The cosines [b, c] above the floor [b, 1] of their row, and their columns; ``-inf`` fills up shorter rows.

    A chunk seldom has many, so that sorting these costs a fraction of sorting the chunk.
    """
    import torch

    row, column = (cosines > floor).nonzero(as_tuple=True)
    counts = torch.bincount(row, minlength=len(cosines))
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    shape = len(cosines), int(counts.max()) if len(row) else 0
    values, columns = cosines.new_full(shape, -torch.inf), torch.zeros(shape, dtype=torch.long, device=row.device)
    values[row, place], columns[row, place] = cosines[row, column], column
    return values, columns


def _own(query_ids: NDArray[np.str_], gallery_ids: NDArray[np.str_]) -> NDArray[np.int64]:
    """The gallery row with each query's own id [b], -1 without; the gallery ids are sorted."""
    place = np.minimum(np.searchsorted(gallery_ids, query_ids), len(gallery_ids) - 1)
    return np.where(gallery_ids[place] == query_ids, place, -1)


def _exact(query: Floats, gallery: Floats) -> NDArray[np.float64]:
    """Rounded cosines [n] of one query [d] with [n, d], each summed by itself: a matrix product rounds each block
    shape, thread count and device in its own way, which would re-order near-ties."""
    return np.asarray(np.round((gallery * query.astype(np.float64)).sum(axis=1), DECIMALS), dtype=np.float64)
