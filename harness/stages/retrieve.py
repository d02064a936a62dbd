"""The retrieve stage: an exact shortlist for each query by cosine, in blocks, never the full matrix."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.stages.nearest import CHUNK, DECIMALS, Find, finder, near, slack, whole_float32
from harness.stages.ties import checksums, mixed
from harness.types import Embeddings, Floats, Ids, Ranking

CELLS = 1 << 20
"""Candidates of one block of queries at most: a very long shortlist makes blocks smaller, not memory larger."""


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
        block: most queries at once on a core. It changes neither order nor scores.
        device: where the products are computed, ``cpu`` or ``cuda``.

    Equal cosines are ordered by a hash of the two ids, so that the row order of the gallery decides nothing. A gallery
    image with the query's own id is never its candidate. A float32 product in chunks finds who may be among the k best,
    by a bound of its rounding; these are computed anew one by one. Every core takes blocks of queries through the whole
    gallery. Memory: the gallery once more, and for each core the products of a block with a chunk and the best so far.
    """
    width = min(k, len(gallery.ids))
    order = np.full((len(queries.ids), width), -1, np.int32)
    scores = np.full(order.shape, -np.inf, np.float64)

    def answer(task: tuple[_Group, slice]) -> None:
        group, part = task
        places, exact = _ranked(group, queries.vectors[group.asked[part]], part, width)
        order[group.asked[part], : places.shape[1]] = np.where(places < 0, -1, group.rows[places])
        scores[group.asked[part], : places.shape[1]] = exact

    most = max(1, min(block, CELLS // max(width, 1)))
    with whole_float32(device), _cores() as (pool, cores):
        groups = _groups(queries.ids, gallery, query_scope, gallery_scope, device)
        list(pool.map(answer, _tasks(groups, most, cores)))
    return Ranking(queries.ids, gallery.ids, order, scores)


@dataclass(frozen=True, eq=False)
class _Group:
    """One scope. Its queries: ``asked`` [m] their rows, ``query_sums`` [m] checksums of their ids, ``own`` [m] the
    place of the same image below, or -1. Its gallery, by checksum and then id, which is as good as shuffled: ``rows``
    [n] in the whole gallery, ``sums`` [n], ``vectors`` [n, d], and ``find`` who is near among these."""

    asked: NDArray[np.int64]
    query_sums: NDArray[np.uint64]
    own: NDArray[np.int64]
    rows: NDArray[np.int64]
    sums: NDArray[np.uint64]
    vectors: Floats
    find: Find


def _groups(
    query_ids: Ids, gallery: Embeddings, query_scope: NDArray[np.str_], gallery_scope: NDArray[np.str_], device: str
) -> Iterator[_Group]:
    """The scopes that have both queries and gallery images."""
    query_sums, sums = checksums(query_ids), checksums(gallery.ids)
    # where even the hashes are equal, the ids decide, not the rows
    shuffled = np.lexsort((gallery.ids, sums))
    scopes, number = np.unique(np.concatenate([query_scope, gallery_scope]), return_inverse=True)
    query_number, gallery_number = number[: len(query_ids)], number[len(query_ids) :][shuffled]
    for scope in range(len(scopes)):
        asked, rows = np.flatnonzero(query_number == scope), shuffled[gallery_number == scope]
        if len(asked) and len(rows):
            vectors, own = gallery.vectors[rows], _own(query_ids[asked], gallery.ids[rows])
            yield _Group(asked, query_sums[asked], own, rows, sums[rows], vectors, finder(vectors, device))


def _own(query_ids: Ids, gallery_ids: Ids) -> NDArray[np.int64]:
    """The place of each query's own id in the gallery ids [b], -1 without."""
    by_id = np.argsort(gallery_ids)
    found = np.searchsorted(gallery_ids, query_ids, sorter=by_id)
    place = by_id[np.minimum(found, len(gallery_ids) - 1)]
    return np.where(gallery_ids[place] == query_ids, place, -1)


def _tasks(groups: Iterator[_Group], most: int, cores: int) -> Iterator[tuple[_Group, slice]]:
    """Blocks of at most ``most`` queries, as many for each core as for the others."""
    for group in groups:
        rounds = ceil(len(group.asked) / (most * cores))
        size = ceil(len(group.asked) / (rounds * cores))
        for start in range(0, len(group.asked), size):
            yield group, slice(start, start + size)


@contextmanager
def _cores() -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """As many threads as a product would use, and each product on one: so the cores share the rest of the work too."""
    from threadpoolctl import ThreadpoolController

    products = ThreadpoolController().select(user_api="blas")
    cores = max((library["num_threads"] for library in products.info()), default=1)
    with products.limit(limits=1), ThreadPoolExecutor(cores) as pool:
        yield pool, cores


def _ranked(group: _Group, vectors: Floats, part: slice, width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places in the group, -1 behind the last, and exact cosines of the best of each query [b, d], best first."""
    width, own, sums = min(width, len(group.rows)), group.own[part], group.query_sums[part]
    places, full = near(*group.find(vectors, own, width), width, slack(vectors.shape[1]))
    for query in np.flatnonzero(full & (places.shape[1] < len(group.rows))):
        places[query] = _best_of_all(group, vectors[query], own[query], sums[query])[: places.shape[1]]
    exact = np.full(places.shape, -np.inf)
    for row, kept in enumerate(places >= 0):
        exact[row, kept] = _exact(vectors[row], group.vectors[places[row, kept]])
    best = np.lexsort((places, mixed(sums[:, None], group.sums[places]), -exact), axis=1)[:, :width]
    return np.take_along_axis(places, best, 1), np.take_along_axis(exact, best, 1)


def _best_of_all(group: _Group, query: Floats, own: np.int64, checksum: np.uint64) -> NDArray[np.int64]:
    """All places of a group, best first, for a query [d] with more near candidates than were kept."""
    starts = range(0, len(group.rows), CHUNK)
    exact = np.concatenate([_exact(query, group.vectors[start : start + CHUNK]) for start in starts])
    if own >= 0:
        exact[own] = -np.inf
    return np.lexsort((mixed(checksum, group.sums), -exact))


def _exact(query: Floats, gallery: Floats) -> NDArray[np.float64]:
    """Rounded cosines [n] of one query [d] with [n, d], each summed by itself: a matrix product rounds each block
    shape, thread count and device in its own way, which would re-order near-ties."""
    cosines: NDArray[np.float64] = np.vecdot(gallery.astype(np.float64), query.astype(np.float64))
    return np.round(cosines, DECIMALS)
