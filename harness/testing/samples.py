"""Small seeded samples for the contracts: pictures, local features, shortlists and query scores; no plugin is used."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.answers import QueryScores, QueryTruth, Shortlist
from harness.packed import PER_KEYPOINT
from harness.types import Floats, Image, LocalFeatures, PairScores, Ranking

WIDE, TALL = (320, 160), (160, 320)
"""(width, height) of the photographs that the local features come from."""
ALONG = 16
"""Cells along the longest side of a photograph; each holds one keypoint at most."""
KINDS_OF_PLACES = 24
"""Centres that all descriptors are mixed from, whatever is seen: strangers look alike in places."""
SCALE = {"count": 60.0, "fused": 2.0}
"""Highest value of a column of query scores, where it is not 1."""
SCORES = ("count", "confidence", "inliers")
"""The local scores of a candidate."""


def reseed(seed: int) -> None:
    """Put the global random states of Python, numpy and (where it is imported) torch into a known state."""
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def picture(height: int, width: int, seed: int = 0, view: int = 0) -> Image:
    """Blobs of many sizes and colours, RGB uint8 [height, width, 3]; each ``view`` but 0 adds noise of its own."""
    if not view:
        return _blobs(height, width, seed).copy()
    noise = np.random.default_rng((seed, view)).normal(0, 4, (height, width, 3))
    noisy: Image = np.clip(_blobs(height, width, seed) + noise, 0, 255).astype(np.uint8)
    return noisy


@lru_cache(maxsize=64)
def _blobs(height: int, width: int, seed: int) -> Image:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    canvas = np.zeros((height, width, 3))
    for _ in range(max(8, height * width // 150)):
        centre, spread = rng.random(2) * (height, width), rng.uniform(1.5, 7)
        blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * spread**2))
        canvas += blob[..., None] * rng.normal(size=3)
    low, high = canvas.min(), canvas.max()
    scaled: Image = ((canvas - low) / max(high - low, 1e-9) * 255).astype(np.uint8)
    return scaled


def pictures() -> list[Image]:
    """Seven photographs: textured ones that are wide, tall and odd-sized; grey shades; one colour; a line; a pixel."""
    grey = np.repeat(picture(72, 72, 3)[..., :1], 3, axis=2)
    flat = np.full((48, 64, 3), 127, np.uint8)
    return [
        picture(64, 160, 0),
        picture(160, 64, 1),
        picture(81, 67, 2),
        grey,
        flat,
        picture(1, 40, 4),
        flat[:1, :1].copy(),
    ]


def animal() -> Image:
    """A bright patterned body amid a plain dark ground, RGB uint8 [72, 96, 3]."""
    y, x = np.mgrid[:72, :96]
    body = ((y - 36) / 20) ** 2 + ((x - 48) / 28) ** 2 < 1
    seen: Image = np.where(body[..., None], picture(72, 96, 5) // 4 + 190, 20).astype(np.uint8)
    return seen


def features(count: int, dim: int, seed: int, size: tuple[int, int] = WIDE) -> LocalFeatures:
    """``count`` keypoints of a photograph of (width, height) ``size``, with descriptors of unit norm, none negative.

    Descriptors are near a few centres that all photographs share, each at a distance of its own: so the nearest of a
    stranger is anything from unlike to almost equal, often not mutual, and any threshold has cases close to it.

    Each lies in a cell of its own of a grid with ALONG cells on the longest side, and its scale is that cell's side: so
    that matchers of cells, which detect no keypoints, take them as well as others do. At most ALONG ** 2 / 2 of them.
    """
    rng = np.random.default_rng(seed)
    side = max(size) / ALONG
    columns, rows = (round(length / side) for length in size)
    cells = rng.permutation(columns * rows)[:count]
    centres = np.stack([cells % columns, cells // columns], axis=1) + 0.5
    points = (centres + rng.uniform(-0.3, 0.3, (count, 2))) * side - 0.5
    return LocalFeatures(
        keypoints=points.astype(np.float32),
        descriptors=_described(rng, count, dim),
        scores=np.sort(rng.uniform(0.1, 1, count))[::-1].astype(np.float32),
        scales=np.full(count, side, np.float32),
        orientations=rng.uniform(-3, 3, count).astype(np.float32),
        size=size,
    )


def strongest(seen: LocalFeatures, count: int) -> LocalFeatures:
    """The first ``count`` keypoints, or all where there are fewer."""
    return replace(seen, **{name: getattr(seen, name)[:count].copy() for name in PER_KEYPOINT})


def again(seen: LocalFeatures, seed: int) -> LocalFeatures:
    """Another photograph of what is ``seen``: the same places, a quarter of them new, the others changed from hardly
    to beyond recognition."""
    rng = np.random.default_rng(seed)
    count, dim = seen.descriptors.shape
    new, noise = _described(rng, count, dim), _unit(rng.exponential(size=(count, dim)) ** 2)
    share = rng.uniform(0.01, 0.7, (count, 1))
    changed = (1 - share) * seen.descriptors + share * noise
    return replace(seen, descriptors=_unit(np.where(rng.random((count, 1)) < 0.75, changed, new)))


def _described(rng: np.random.Generator, count: int, dim: int) -> Floats:
    """Descriptors [count, dim]: a centre, and what is their own, in shares from a tenth to nearly all."""
    centres = _unit(np.random.default_rng(dim).exponential(size=(KINDS_OF_PLACES, dim)) ** 2)
    own = _unit(rng.exponential(size=(count, dim)) ** 2)
    share = rng.uniform(0.1, 0.9, (count, 1))
    return _unit((1 - share) * centres[rng.integers(KINDS_OF_PLACES, size=count)] + share * own)


def _unit(rows: NDArray[Any]) -> Floats:
    unit: Floats = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


def names(letter: str, count: int) -> NDArray[np.str_]:
    """Ids such as q0, q1, ..."""
    return np.array([f"{letter}{i}" for i in range(count)], dtype=np.str_)


def shortlist(
    seed: int, queries: int = 7, k: int = 8, gallery: int = 12, near: int = 0, padded: bool = True
) -> tuple[Shortlist, NDArray[np.bool_]]:
    """A shortlist [queries, k] with what a matcher found, and which candidates are right; ``near`` neighbours.

    With ``padded`` some queries have fewer candidates, one of them none; some images have no keypoint.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, 6))
    who = rng.integers(5, size=queries), np.arange(gallery) % 4
    vectors = [_unit(centres[part] + rng.normal(size=(len(part), 6))).astype(np.float64) for part in who]
    lengths = rng.integers(k + 1, size=queries) if padded else np.full(queries, k)
    lengths[: int(padded)] = 0
    ranking = _nearest("q", np.round(vectors[0] @ vectors[1].T, 6), k, lengths)
    right = (who[1][ranking.order] == who[0][:, None]) & (ranking.order >= 0)
    among = np.round(vectors[1] @ vectors[1].T, 6)
    np.fill_diagonal(among, -2)
    there = min(near, max(gallery - 1, 0))
    neighbours = _nearest("g", among, there, np.full(gallery, there)) if near else None
    return Shortlist(ranking, _found(rng, ranking, right), neighbours), right


def _nearest(letter: str, values: NDArray[np.float64], k: int, lengths: NDArray[np.int64]) -> Ranking:
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    behind = np.arange(order.shape[1]) >= lengths[:, None]
    scores = np.where(behind, -np.inf, np.take_along_axis(values, order, axis=1))
    ids = names(letter, len(values)), names("g", values.shape[1])
    return Ranking(*ids, np.where(behind, -1, order).astype(np.int32), scores)


def _found(rng: np.random.Generator, ranking: Ranking, right: NDArray[np.bool_]) -> PairScores:
    own = (rng.poisson(30, len(right)) * (rng.random(len(right)) > 0.1)).astype(np.int32)
    gallery = rng.poisson(30, len(ranking.gallery_ids)) * (rng.random(len(ranking.gallery_ids)) > 0.1)
    theirs = np.where(ranking.order >= 0, np.append(gallery, 0)[ranking.order], 0).astype(np.int32)
    count = rng.poisson(np.where(right, 8, 2)) * (theirs > 0) * (own[:, None] > 0)
    confidence, inliers = count * rng.uniform(0.3, 1, count.shape), rng.binomial(count, 0.5)
    return PairScores(*_float32(count, confidence, inliers), own, theirs)


def _float32(one: Any, two: Any, three: Any) -> tuple[Floats, Floats, Floats]:
    return np.asarray(one, np.float32), np.asarray(two, np.float32), np.asarray(three, np.float32)


def queries_of(given: Shortlist, rows: Sequence[int] | NDArray[np.int64]) -> Shortlist:
    """Some queries of a shortlist, in that order."""
    chosen, ranking, local = np.asarray(rows, np.int64), given.ranking, given.local
    part = replace(
        ranking, query_ids=ranking.query_ids[chosen], order=ranking.order[chosen], scores=ranking.scores[chosen]
    )
    if local is not None:
        per_query = (*SCORES, "keypoints", "candidate_keypoints")
        local = replace(local, **{name: getattr(local, name)[chosen] for name in per_query})
    return replace(given, ranking=part, local=local)


def widened(given: Shortlist, by: int) -> Shortlist:
    """The same shortlist with ``by`` more columns of padding."""
    ranking, local = given.ranking, given.local

    def wider(values: NDArray[Any], filling: float) -> NDArray[Any]:
        return np.pad(values, ((0, 0), (0, by)), constant_values=filling)

    part = replace(ranking, order=wider(ranking.order, -1), scores=wider(ranking.scores, -np.inf))
    if local is not None:
        local = replace(local, **{name: wider(getattr(local, name), 0) for name in (*SCORES, "candidate_keypoints")})
    return replace(given, ranking=part, local=local)


def query_scores(
    seed: int, known: int = 40, new: int = 24, columns: Sequence[str] = ("cosine", "margin", "ratio")
) -> tuple[QueryScores, QueryTruth]:
    """Queries of known and new animals, in one order for each seed, whose scores overlap a little; and their truth."""
    rng = np.random.default_rng(seed)
    is_known = rng.permutation(np.arange(known + new) < known)
    right = is_known & (rng.random(len(is_known)) < 0.8)
    animals = np.char.add(np.where(is_known, "a", "b"), rng.integers(9, size=len(right)).astype(str))
    values = {
        name: SCALE.get(name, 1.0) * np.clip(rng.normal(0.35 + 0.3 * is_known, 0.12), 0.001, 0.999) for name in columns
    }
    ids = names("q", len(right))
    return QueryScores(ids, np.full(len(ids), "herd"), values), QueryTruth(is_known, right, animals.astype(np.str_))


def rising(columns: Sequence[str], count: int) -> QueryScores:
    """Queries whose scores rise together in small steps from new to known, in a mixed order."""
    steps = np.random.default_rng(3).permutation(np.linspace(0.01, 0.99, count))
    values = {name: SCALE.get(name, 1.0) * steps for name in columns}
    return QueryScores(names("q", count), np.full(count, "herd"), values)


def asked(given: QueryScores, rows: Sequence[int] | NDArray[np.int64]) -> QueryScores:
    """Some of the queries, in that order."""
    chosen = np.asarray(rows, np.int64)
    columns = {name: values[chosen] for name, values in given.columns.items()}
    return QueryScores(given.query_ids[chosen], given.dataset[chosen], columns)


def stamp(value: Any) -> bytes:
    """A digest of all arrays in (nested) sequences, mappings and dataclasses; short, as a test may show it."""
    if hasattr(value, "__dataclass_fields__"):
        value = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple)):
        return sha256(b"".join(map(stamp, value))).digest()
    return sha256(value.tobytes() if isinstance(value, np.ndarray) else str(value).encode()).digest()
