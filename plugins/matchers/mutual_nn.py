"""Mutual nearest neighbours with Lowe's ratio test: the matcher that needs no training and takes any descriptors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness import HarnessError, LocalFeatures, MatcherSpec, PairMatches, hookimpl, knob
from harness.weights import compute_device

from ._geometry import GeometryConfig, finished, nothing

if TYPE_CHECKING:
    from torch import Tensor

ABSENT = -2.0
"""Below every cosine: the similarity of a keypoint that is not there."""


class MutualConfig(GeometryConfig):
    """Settings of ``mutual-nn``."""

    features: str = Field("sift", description="local features to match, such as sift or sift[size=800]")
    max_keypoints: int = Field(512, ge=1, description="strongest keypoints of an image that take part")
    ratio: float = Field(0.8, gt=0, le=1, description="nearest / second nearest distance must be below this; 1 is off")
    mutual: bool = Field(True, description="keep a match only if each is the other's nearest neighbour")
    batch: int = knob(8, "gallery images compared with a query at once", ge=1)


class MutualNearest:
    """Each query keypoint with its most similar gallery keypoint (cosine of the descriptors).

    The ratio test (Lowe 2004) compares the distances of unit-norm descriptors, sqrt(2 - 2 cos), from the query's side
    only, so (a, b) and (b, a) may differ. It needs two gallery keypoints: where there is one, nothing passes. A
    match's score is its cosine, at least 0.
    """

    def __init__(self, config: MutualConfig) -> None:
        self.config = config
        self._device = compute_device()

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        """Match each (query, gallery) pair; fast where pairs share their query object.

        Raises:
            HarnessError: descriptors of different lengths.
        """
        import torch

        results = [nothing()] * len(pairs)
        with torch.inference_mode():
            for rows in self._blocks(pairs):
                query = pairs[rows[0]][0]
                galleries = [pairs[row][1] for row in rows]
                for row, matches in zip(rows, self._match(query, galleries), strict=True):
                    results[row] = matches
        return results

    def _blocks(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> Iterator[list[int]]:
        """Rows that share a query, at most ``batch`` at a time, without the pairs that lack keypoints."""
        groups: dict[int, list[int]] = {}
        for row, (query, gallery) in enumerate(pairs):
            if len(query) and len(gallery):
                groups.setdefault(id(query), []).append(row)
        for rows in groups.values():
            for start in range(0, len(rows), self.config.batch):
                yield rows[start : start + self.config.batch]

    def _match(self, query: LocalFeatures, galleries: Sequence[LocalFeatures]) -> Iterator[PairMatches]:
        import torch

        similarity, counts = self._similarity(query, galleries)
        best, nearest = similarity.max(dim=1)
        keep = torch.ones_like(best, dtype=torch.bool)
        if self.config.mutual:
            back = similarity.argmax(dim=2).gather(1, nearest)
            keep &= back == torch.arange(back.shape[1], device=self._device)
        if self.config.ratio < 1:
            second = similarity.scatter_(1, nearest[:, None], ABSENT).amax(dim=1)
            # Half the squared distances; rounding must not let two equal neighbours pass.
            near, far = (1 - best).clamp(min=0), (1 - second).clamp(min=0)
            keep &= (near < self.config.ratio**2 * far) & (counts[:, None] > 1)
        kept, scores, partners = keep.cpu().numpy(), best.cpu().numpy(), nearest.cpu().numpy()
        for i, gallery in enumerate(galleries):
            own = np.flatnonzero(kept[i])
            yield finished(np.stack([own, partners[i, own]], axis=1), scores[i, own], query, gallery, self.config)

    def _similarity(self, query: LocalFeatures, galleries: Sequence[LocalFeatures]) -> tuple[Tensor, Tensor]:
        """Cosines [galleries, their keypoints (padded), query keypoints], and the keypoints of each gallery image."""
        import torch

        left = self._descriptors(query)
        rights = [self._descriptors(gallery) for gallery in galleries]
        counts = [len(right) for right in rights]
        wrong = next((right for right in rights if right.shape[1] != left.shape[1]), None)
        if wrong is not None:
            raise HarnessError(
                f"descriptors of length {left.shape[1]} cannot be matched with descriptors of length {wrong.shape[1]}",
                "Describe query and gallery with the same features.",
            )
        stacked = torch.nn.utils.rnn.pad_sequence(rights, batch_first=True)
        similarity = (stacked.flatten(0, 1) @ left.T).view(*stacked.shape[:2], len(left))
        for row, count in enumerate(counts):
            similarity[row, count:] = ABSENT
        return similarity, torch.tensor(counts, device=self._device)

    def _descriptors(self, features: LocalFeatures) -> Tensor:
        import torch

        table = torch.from_numpy(features.descriptors[: self.config.max_keypoints]).to(self._device)
        return torch.nn.functional.normalize(table, dim=1)


@hookimpl
def harness_matchers() -> Iterator[MatcherSpec]:
    """Offer ``mutual-nn``."""
    yield MatcherSpec(
        name="mutual-nn",
        version="1",
        config=MutualConfig,
        build=MutualNearest,
        summary="mutual nearest neighbours with the ratio test, for any local features",
        licence="Apache-2.0",
        citation="Lowe, Distinctive image features from scale-invariant keypoints, IJCV 2004",
        requires=("torch", "cv2=opencv-python"),
    )
