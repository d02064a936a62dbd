"""LightGlue: a transformer that matches the keypoints of two images, batched so that a batch changes no result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import Field

from harness import DataError, HarnessError, LocalFeatures, MatcherSpec, PairMatches, artefact, hookimpl, knob
from harness.weights import TrainedWeights, compute_device, find, load_tensors, unavailable

from ._geometry import GeometryConfig, finished, nothing
from ._lightglue_net import network, renamed, shape_of

if TYPE_CHECKING:
    from torch import Tensor

    Pair = tuple[LocalFeatures, LocalFeatures]

HUB = "https://huggingface.co/kornia/lightglue/resolve/main/"
OFFICIAL = {
    "sift": f"{HUB}sift_lightglue.pth",
    "disk": f"{HUB}disk_lightglue.pth",
    "aliked": f"{HUB}aliked_lightglue.pth",
    "xfeat": f"{HUB}xfeat-lighterglue.pt",
}
"""Features -> the official weights for them."""

TRAINED_SIDE = 1024
"""Longest side, in pixels, of the images that the official weights were trained on: the frame of SIFT's scales."""

IMPOSSIBLE = -1e9
"""The logit of a keypoint that is only padding."""


class LightGlueConfig(GeometryConfig):
    """Settings of ``lightglue``."""

    features: str = Field(
        "sift", description=f"local features to match: {', '.join(OFFICIAL)}, with settings or without"
    )
    max_keypoints: int = Field(512, ge=1, description="strongest keypoints of an image that take part")
    weights: TrainedWeights = artefact(
        "pretrained", "'pretrained' (the official file for the features) or a file; its tensors tell layers and widths"
    )
    threshold: float = Field(0.1, ge=0, lt=1, description="least probability of a match")
    batch: int = knob(32, "pairs that go through the network at once", ge=1)

    @property
    def family(self) -> str:
        """The features' name without their settings."""
        return self.features.partition("[")[0].strip()


class Side(NamedTuple):
    """One image of each pair: points [b, n, 2 or 4], descriptors [b, n, d], real [b, 1, n, 1] or None (no padding)."""

    points: Tensor
    descriptors: Tensor
    real: Tensor | None


class LightGlueMatcher:
    """LightGlue (Lindenberger et al. 2023) by kornia, all layers run for every keypoint.

    Adaptive depth and width are off, since they make a pair's matches depend on its batch. Pairs of unequal counts
    are padded and the padding is masked in each attention and in the assignment. A match's score is its probability.
    """

    def __init__(self, config: LightGlueConfig) -> None:
        self.config = config
        if config.family not in OFFICIAL:
            raise HarnessError(f"lightglue cannot match {config.family!r}", f"Take one of {', '.join(OFFICIAL)}.")
        tensors = renamed(load_tensors(find(config.weights, OFFICIAL[config.family])))
        self._shape = shape_of(tensors, config.weights)
        self._device = compute_device()
        self._net = network(tensors, self._shape, config.weights).to(self._device)

    def match(self, pairs: Sequence[Pair]) -> list[PairMatches]:
        """Match each (query, gallery) pair; pairs of like counts are put into one batch.

        Raises:
            HarnessError: the descriptors' length is not what the weights were trained for.
            DataError: a keypoint outside its image.
        """
        import torch

        results = [nothing()] * len(pairs)
        rows = [row for row, (query, gallery) in enumerate(pairs) if len(query) and len(gallery)]
        rows.sort(key=lambda row: (len(pairs[row][0]), len(pairs[row][1])))
        with torch.inference_mode():
            for start in range(0, len(rows), self.config.batch):
                block = rows[start : start + self.config.batch]
                for row, matches in zip(block, self._match([pairs[row] for row in block]), strict=True):
                    results[row] = matches
        return results

    def _match(self, pairs: Sequence[Pair]) -> Iterator[PairMatches]:
        from kornia.feature.lightglue import filter_matches

        scores = self._assignment(self._side([pair[0] for pair in pairs]), self._side([pair[1] for pair in pairs]))
        partners, _, probabilities, _ = (part.cpu().numpy() for part in filter_matches(scores, self.config.threshold))
        for (query, gallery), partner, probability in zip(pairs, partners, probabilities, strict=True):
            own = np.flatnonzero(partner >= 0)
            yield finished(np.stack([own, partner[own]], axis=1), probability[own], query, gallery, self.config)

    def _assignment(self, left: Side, right: Side) -> Tensor:
        """Log probabilities of each match [b, m + 1, n + 1], as kornia's ``LightGlue`` gives them without padding."""
        import torch
        from kornia.feature.lightglue import sigmoid_log_double_softmax

        net = self._net
        a, b = net.input_proj(left.descriptors), net.input_proj(right.descriptors)
        where_a, where_b = net.posenc(left.points), net.posenc(right.points)
        real_a, real_b = left.real, right.real
        if real_a is not None or real_b is not None:  # kornia masks both sides or none
            real_a = torch.ones_like(left.points[:, None, :, :1], dtype=torch.bool) if real_a is None else real_a
            real_b = torch.ones_like(right.points[:, None, :, :1], dtype=torch.bool) if real_b is None else real_b
        for layer in net.transformers:
            a, b = layer(a, b, where_a, where_b, mask0=real_a, mask1=real_b)
        head = net.log_assignment[-1]
        scores, similarity = head(a, b)
        if real_a is None or real_b is None:
            return scores
        padding = ~(real_a & real_b.transpose(-1, -2))[:, 0]
        similarity = similarity.masked_fill(padding, IMPOSSIBLE)
        scores = sigmoid_log_double_softmax(similarity, head.matchability(a), head.matchability(b))
        scores[:, :-1, :-1].masked_fill_(padding, IMPOSSIBLE)
        return scores

    def _side(self, images: Sequence[LocalFeatures]) -> Side:
        import torch
        from kornia.feature.lightglue import normalize_keypoints
        from torch.nn.utils.rnn import pad_sequence

        def padded(arrays: list[np.ndarray]) -> Tensor:
            cut = [torch.from_numpy(array[: self.config.max_keypoints]) for array in arrays]
            return pad_sequence(cut, batch_first=True).to(self._device)

        for image in images:
            self._check(image)
        sizes = torch.tensor([image.size for image in images], device=self._device)  # (width, height)
        points = normalize_keypoints(padded([image.keypoints for image in images]), sizes)
        if self._shape.oriented:
            scales = padded([image.scales * np.float32(TRAINED_SIDE / max(image.size)) for image in images])
            angles = padded([image.orientations for image in images])
            points = torch.cat([points, scales[..., None], angles[..., None]], dim=-1)
        counts = torch.tensor([min(len(image), self.config.max_keypoints) for image in images], device=self._device)
        real = torch.arange(points.shape[1], device=self._device) < counts[:, None]
        descriptors = padded([image.descriptors for image in images])
        return Side(points, descriptors, None if bool(real.all()) else real[:, None, :, None])

    def _check(self, image: LocalFeatures) -> None:
        length = image.descriptors.shape[1]
        if length != self._shape.descriptor:
            raise HarnessError(
                f"weights {self.config.weights} take descriptors of length {self._shape.descriptor}, "
                f"features {self.config.features!r} have {length}",
                "Give weights that were trained for these features.",
            )
        if (image.keypoints < 0).any() or (image.keypoints > image.size).any():
            width, height = image.size
            raise DataError(
                f"a keypoint lies outside its image of width {width} and height {height}",
                "Report keypoints as (x, y) in pixels of the photograph, and its size as (width, height).",
            )


def _unavailable(config: LightGlueConfig) -> str | None:
    return unavailable(config.weights, OFFICIAL[config.family]) if config.family in OFFICIAL else None


@hookimpl
def harness_matchers() -> Iterator[MatcherSpec]:
    """Offer ``lightglue``."""
    yield MatcherSpec(
        name="lightglue",
        version="1",
        config=LightGlueConfig,
        build=LightGlueMatcher,
        accepts=frozenset(OFFICIAL),
        summary="LightGlue, a learned matcher",
        licence="Apache-2.0 (code and weights)",
        citation="Lindenberger et al., LightGlue: Local Feature Matching at Light Speed, ICCV 2023",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=_unavailable,
    )
