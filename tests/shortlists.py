"""Small shortlists to fuse: photographs of a few animals as points, with match counts that know a little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness import PairScores, Ranking, Shortlist
from harness.registry import Registry
from harness.stages.ties import order_rows, tie_hash

ANIMALS = 4


def fusion(ref: str) -> Any:
    """The plugin of a reference, built."""
    return Registry.load().resolve("fusion", ref).build()


def names(letter: str, n: int) -> NDArray[np.str_]:
    return np.array([f"{letter}{i}" for i in range(n)], dtype=np.str_)


def cosines(left: Any, right: Any) -> NDArray[np.float64]:
    """Rounded cosines [a, b] of unit vectors, the same both ways round."""
    return np.round((left[:, None] * right[None]).sum(axis=2), 6)


def nearest(query_ids: Any, gallery_ids: Any, values: Any, k: int, cut: Any = None) -> Ranking:
    """The ``k`` highest of ``values`` [q, g], ties by hash; ``cut`` [q] ends a row earlier, as a small scope does."""
    hashes = tie_hash(query_ids, np.broadcast_to(gallery_ids, values.shape))
    order = order_rows(hashes, values)[:, :k].astype(np.int32)
    scores = np.take_along_axis(values, order, axis=1)
    gone = ~np.isfinite(scores) if cut is None else ~np.isfinite(scores) | (np.arange(order.shape[1]) >= cut[:, None])
    return Ranking(query_ids, gallery_ids, np.where(gone, -1, order), np.where(gone, -np.inf, scores))


def drawn(
    seed: int, q: int = 6, g: int = 12, k: int = 8, n: int = 11, padded: bool = True, decimals: int = 6
) -> tuple[Shortlist, NDArray[np.bool_]]:
    """A shortlist of ``q`` queries with their truth [q, k]; some are of new animals, some images have no keypoint."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(ANIMALS + 1, 5))
    who = [rng.integers(ANIMALS + 1, size=q), np.arange(g) % ANIMALS]
    points = [centres[animals] + rng.normal(size=(len(animals), 5)) for animals in who]
    units = [p / np.linalg.norm(p, axis=1, keepdims=True) for p in points]
    cut = rng.integers(k + 1, size=q) if padded else None
    values = np.round(cosines(units[0], units[1]), decimals)
    ranking = nearest(names("q", q), names("g", g), values, k, cut)
    among = cosines(units[1], units[1])
    np.fill_diagonal(among, -np.inf)
    neighbours = nearest(names("g", g), names("g", g), among, n, rng.integers(n + 1, size=g) if padded else None)
    truth = (who[1][ranking.order] == who[0][:, None]) & (ranking.order >= 0)
    return Shortlist(ranking, matches(rng, ranking, truth), neighbours), truth


def matches(rng: np.random.Generator, ranking: Ranking, right: NDArray[np.bool_]) -> PairScores:
    valid, shape = ranking.order >= 0, ranking.order.shape
    own = rng.poisson(30, size=shape[0]) * (rng.random(shape[0]) > 0.1)
    gallery = np.append(
        rng.poisson(30, size=len(ranking.gallery_ids)) * (rng.random(len(ranking.gallery_ids)) > 0.1), 0
    )
    theirs = np.where(valid, gallery[ranking.order], 0)
    count = rng.poisson(np.where(right, 6, 2)) * valid * (theirs > 0) * (own[:, None] > 0)
    confidence, inliers = count * rng.random(shape), rng.binomial(count, 0.5)
    floats = (np.asarray(a, np.float32) for a in (count, confidence, inliers))
    return PairScores(*floats, own.astype(np.int32), theirs.astype(np.int32))


def rows(shortlist: Shortlist, chosen: Any) -> Shortlist:
    """Some queries of a shortlist, in that order; the gallery stays."""
    ranking, local = shortlist.ranking, shortlist.local
    part = Ranking(ranking.query_ids[chosen], ranking.gallery_ids, ranking.order[chosen], ranking.scores[chosen])
    if local is not None:
        fields = ("count", "confidence", "inliers", "keypoints", "candidate_keypoints")
        local = PairScores(**{name: getattr(local, name)[chosen] for name in fields})
    return replace(shortlist, ranking=part, local=local)


def renumbered(shortlist: Shortlist, to: NDArray[np.int64]) -> Shortlist:
    """The same with its gallery rows in another order: old row ``i`` becomes ``to[i]``."""
    back = np.argsort(to)
    ids = shortlist.ranking.gallery_ids[back]

    def moved(lists: Ranking, queries: Any, chosen: Any) -> Ranking:
        order = lists.order[chosen]
        return Ranking(queries, ids, np.where(order < 0, -1, to[order]).astype(np.int32), lists.scores[chosen])

    near = shortlist.neighbours
    every = np.arange(len(shortlist.ranking.query_ids))
    return Shortlist(
        moved(shortlist.ranking, shortlist.ranking.query_ids, every),
        shortlist.local,
        None if near is None else moved(near, ids, back),
    )


class ByCount:
    """Orders by match count, as the fusion ``replace`` does."""

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        return self

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        assert shortlist.local is not None
        return np.asarray(shortlist.local.count, np.float64)


def counted(count: Any) -> Shortlist:
    """A shortlist of ``count`` [q, k] matches; the global order is that of the columns."""
    count = np.asarray(count, np.float32)
    queries, candidates = count.shape
    order = np.tile(np.arange(candidates, dtype=np.int32), (queries, 1))
    scores = np.tile(np.linspace(0.9, 0.1, candidates), (queries, 1))
    ranking = Ranking(names("q", queries), names("g", candidates), order, scores)
    keypoints = np.full(count.shape, 50, np.int32)
    return Shortlist(ranking, PairScores(count, count, count, np.full(queries, 50, np.int32), keypoints))
