"""Mutual nearest neighbours with Lowe's ratio test: the matcher that needs no training and takes any descriptors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import LocalFeatures, MatcherSpec, PackedFeatures, PairMatches, PairSummary, hookimpl, knob
from harness.device import resident, side_by_side
from harness.weights import compute_device

from ._geometry import Found, GeometryConfig, finished

if TYPE_CHECKING:
    from torch import Tensor

Rows = NDArray[np.int64]
Counts = NDArray[np.int32]

ABSENT = -2.0
"""Below every cosine: the similarity of a keypoint that is not there."""

EQUAL = 1e-6
"""Half of a squared distance that may be rounding alone."""

ROOM = {"cpu": 1 << 20, "cuda": 1 << 27}
"""Similarities of one batch: on a CPU they stay in its cache, on a card they are enough to fill it."""

SOME = 64
"""Images whose descriptors lie in memory in float32 when their lengths are taken."""


class MutualConfig(GeometryConfig):
    """Settings of ``mutual-nn``."""

    features: str = Field("sift", description="local features to match, such as sift or sift[size=800]")
    max_keypoints: int = Field(512, ge=1, description="strongest keypoints of an image that take part")
    ratio: float = Field(0.8, gt=0, le=1, description="nearest / second nearest distance must be below this; 1 is off")
    mutual: bool = Field(True, description="keep a match only if each is the other's nearest neighbour")
    batch: int = knob(0, "gallery images compared with a query at once; 0: as many as suit the device", ge=0)


class Block(NamedTuple):
    """Descriptors [n, K, d] of images, and one over the length of each, float32 [n, K, 1], taken once."""

    descriptors: Tensor
    scales: Tensor

    @classmethod
    def of(cls, descriptors: Tensor) -> Block:
        import torch

        lengths = [torch.linalg.vector_norm(part.float(), dim=-1, keepdim=True) for part in descriptors.split(SOME)]
        return cls(descriptors, 1 / torch.cat(lengths).clamp(min=1e-12))

    def unit(self, rows: Rows, most: int, out: Tensor | None = None) -> Tensor:
        """The first ``most`` descriptors of images, of length 1: float32 [rows, most, d]. Image by image where there
        is room for them: each is then read once and stays in the cache."""
        if out is None:
            return self.descriptors[rows, :most] * self.scales[rows, :most]
        for place, row in zip(out, rows.tolist(), strict=True):
            place.copy_(self.descriptors[row, :most]).mul_(self.scales[row, :most])
        return out


class MutualNearest:
    """Each query keypoint with its most similar gallery keypoint (cosine of the descriptors).

    The ratio test (Lowe 2004) compares the distances of unit-norm descriptors, sqrt(2 - 2 cos), from the query's side
    only, so (a, b) and (b, a) may differ. It needs two gallery keypoints: where there is one, nothing passes. A
    match's score is its cosine, at least 0.
    """

    def __init__(self, config: MutualConfig) -> None:
        self.config = config
        self._device = compute_device()
        self._rooms = local()
        self._blocks: WeakKeyDictionary[PackedFeatures, Block] = WeakKeyDictionary()

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        """Match each (query, gallery) pair; fast where the pairs of one query object come together.

        Raises:
            DataError: descriptors of different lengths.
        """
        return [matches for found in self._found(*PackedFeatures.of_pairs(pairs)) for matches in found.each()]

    def match_block(self, images: PackedFeatures, pairs: Rows) -> PairSummary:
        """Match pairs [m, 2] of rows of ``images`` and count what :meth:`match` finds."""
        return PairSummary.joined([found.summary() for found in self._found(images, pairs)])

    def _found(self, images: PackedFeatures, pairs: Rows) -> Iterator[Found]:
        block = self._blocks.get(images)
        if block is None:
            block = self._blocks[images] = Block.of(resident(images, self._device)["descriptors"])
        counts = np.minimum(images.count, self.config.max_keypoints)
        return side_by_side(partial(self._match, images, block, counts), self._jobs(block, counts, pairs), self._device)

    def _jobs(self, block: Block, counts: Counts, pairs: Rows) -> Iterator[tuple[Tensor, Rows]]:
        """A query's descriptors [n, d] with its next pairs."""
        most = int(counts.max(initial=1))
        batch = self.config.batch or max(1, ROOM[self._device] // most**2)
        for run in np.split(pairs, np.flatnonzero(np.diff(pairs[:, 0])) + 1):
            starts = range(0, len(run), batch)
            query = block.unit(run[:1, 0], int(counts[run[0, 0]]))[0] if starts else None
            yield from ((query, run[start : start + batch]) for start in starts)

    def _match(self, images: PackedFeatures, block: Block, counts: Counts, job: tuple[Tensor, Rows]) -> Found:
        """The matches of one query with several gallery images."""
        query, pairs = job
        there = counts[pairs[:, 1]]
        most = int(there.max())
        if not len(query) or not most:
            return finished(there[:0], np.zeros((0, 2)), np.zeros(0), images, pairs, self.config)
        similarity = self._similarity(query, block, pairs[:, 1], most)
        for place in np.flatnonzero(there < most):
            similarity[:, place, there[place] :] = ABSENT
        return finished(*_nearest(similarity, self.config), images, pairs, self.config)

    def _similarity(self, query: Tensor, block: Block, rows: Rows, most: int) -> Any:
        """Cosines of query keypoints with [galleries, their keypoints]: a tensor on a card, on the CPU an array, since
        numpy's products and reductions are the faster ones there. It is good until the thread asks for the next."""
        (n, dim), shape = query.shape, (len(query), len(rows), most)
        if self._device != "cpu":
            return (query @ block.unit(rows, most).flatten(0, 1).T).view(shape)
        import torch

        galleries = torch.from_numpy(self._room("galleries", len(rows) * most * dim)).view(len(rows), most, dim)
        cosines = self._room("cosines", math.prod(shape)).reshape(n, -1)
        right = block.unit(rows, most, galleries).flatten(0, 1)
        return np.matmul(query.numpy(), right.numpy().T, out=cosines).reshape(shape)

    def _room(self, name: str, size: int) -> NDArray[np.float32]:
        """Memory of this thread, kept from batch to batch: fresh pages cost as much as a tenth of the product."""
        rooms: dict[str, NDArray[np.float32]] = self._rooms.__dict__
        if len(rooms.get(name, ())) < size:
            rooms[name] = np.empty(size, np.float32)
        return rooms[name][:size]


def _nearest(similarity: Any, config: MutualConfig) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """The matches in cosines [n, galleries, m], ordered by gallery: its place [k], indices [k, 2] and cosines [k].

    The similarities are overwritten. Numpy's and torch's arrays have in common whatever is called here.
    """
    import torch

    numpy = isinstance(similarity, np.ndarray)
    xp: Any = np if numpy else torch
    n, galleries, m = similarity.shape
    own, pair = (xp.arange(size, device=similarity.device) for size in (n, galleries))
    back = xp.amax(similarity, 0)
    nearest = xp.argmax(similarity, -1)
    place = own[:, None], pair[None, :], nearest
    best = similarity[place]
    keep = best > ABSENT
    if config.mutual:
        keep &= best == back[place[1:]]
    if config.ratio < 1:
        similarity[place] = ABSENT
        second = xp.amax(similarity, -1)
        # Half of the squared distances. Two neighbours that differ by rounding are equal, and neither is a match.
        keep &= (second > ABSENT) & ((1 - best).clip(EQUAL) < config.ratio**2 * (1 - second))
    kept = xp.argwhere(keep.T)
    columns = kept[:, 0], kept[:, 1], nearest[kept[:, 1], kept[:, 0]], best[kept[:, 1], kept[:, 0]]
    pair, own, partner, scores = columns if numpy else (column.cpu().numpy() for column in columns)
    if config.mutual:  # of several query keypoints that are equally near, the first is the nearest
        _, first = np.unique(pair * m + partner, return_index=True)
        first.sort()
        pair, own, partner, scores = pair[first], own[first], partner[first], scores[first]
    return pair, np.stack([own, partner], axis=1), scores


@hookimpl
def harness_matchers() -> Iterator[MatcherSpec]:
    """Offer ``mutual-nn``."""
    yield MatcherSpec(
        name="mutual-nn",
        version="1",
        config=MutualConfig,
        build=MutualNearest,
        symmetric=lambda config: config.mutual and config.ratio == 1 and config.geometry == "none",
        summary="mutual nearest neighbours with the ratio test, for any local features",
        licence="Apache-2.0",
        citation="Lowe, Distinctive image features from scale-invariant keypoints, IJCV 2004",
        requires=("torch", "cv2=opencv-python"),
    )
