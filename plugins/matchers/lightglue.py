"""LightGlue: a transformer that matches the keypoints of two images, batched so that a batch changes no result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from harness import (
    DataError,
    HarnessError,
    LocalFeatures,
    MatcherSpec,
    PackedFeatures,
    PairMatches,
    PairSummary,
    artefact,
    hookimpl,
    knob,
)
from harness.device import CARD_THREADS, resident, side_by_side
from harness.weights import TrainedWeights, compute_device, load_tensors

from ._geometry import Found, GeometryConfig, each_match, each_summary, finished
from ._lightglue_feed import places
from ._lightglue_files import (
    HERD,
    HERD_THRESHOLD,
    OFFICIAL,
    OFFICIAL_THRESHOLD,
    SHIPPED,
    SHIPPED_FOR,
    best_of,
    missing,
    path_of,
)
from ._lightglue_net import network, renamed, shape_of
from ._lightglue_school import TRAINABLE

if TYPE_CHECKING:
    from torch import Tensor

    from ._lightglue_layers import Side

Rows = NDArray[np.int64]

CPU_KEYPOINTS = 4096
"""Keypoints of a side in one batch on a CPU: more are no faster, and leave its cache."""

CARD_PAIRS = 256
"""Pairs of one batch on a card at most; they are enough to fill it."""

BUCKET = 64
"""A compiled network sees counts of keypoints that are multiples of this, so that few shapes are compiled."""


class LightGlueConfig(GeometryConfig):
    """Settings of ``lightglue``."""

    features: str = Field(
        "sift", description=f"local features to match: {', '.join(OFFICIAL)}, with settings or without"
    )
    max_keypoints: int = Field(512, ge=1, description="strongest keypoints of an image that take part")
    weights: TrainedWeights = artefact(
        "auto",
        "'pretrained' (the official file for the features), 'herd' (for SIFT, trained by this project on the synthetic "
        "herd), a file, or 'auto': the official one, or herd where that cannot be had",
        shipped=SHIPPED,
    )
    threshold: float | None = Field(
        None,
        ge=0,
        lt=1,
        description=f"least probability of a match [default: {OFFICIAL_THRESHOLD}, herd {HERD_THRESHOLD}]",
    )
    precision: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="of the layers; auto: float16 on a GPU, float32 on a CPU"
    )
    batch: int = knob(0, "pairs that go through the network at once; 0: as many as suit the device", ge=0)
    compiled: bool = knob(False, "compile the network first; slow to start")

    @property
    def least(self) -> float:
        """The least probability of a match."""
        if self.threshold is not None:
            return self.threshold
        return HERD_THRESHOLD if self.weights == HERD else OFFICIAL_THRESHOLD

    @property
    def family(self) -> str:
        """The features' name without their settings."""
        return _family(self.features)

    @field_validator("weights")
    @classmethod
    def _settled(cls, weights: str, info: ValidationInfo) -> str:
        """``auto`` becomes the name of what it stands for here, so that a row says which network it is."""
        family = _family(str(info.data.get("features", "")))
        if weights == HERD and family in OFFICIAL and SHIPPED_FOR.get(family) != HERD:
            raise ValueError(f"the herd's network is for sift, not {family}")
        return best_of(family) if weights == "auto" else weights


def _family(features: str) -> str:
    return features.partition("[")[0].strip()


class LightGlueMatcher:
    """LightGlue (Lindenberger et al. 2023), all layers run for every keypoint.

    Adaptive depth and width are off, since they make a pair's matches depend on its batch. Pairs of unequal counts
    are padded and the padding is masked in each attention and in the assignment. A match's score is its probability.
    (a, b) and (b, a) match alike: the network has no first side.
    """

    def __init__(self, config: LightGlueConfig) -> None:
        self.config = config
        if config.family not in OFFICIAL:
            raise HarnessError(f"lightglue cannot match {config.family!r}", f"Take one of {', '.join(OFFICIAL)}.")
        tensors = renamed(load_tensors(path_of(config.weights, config.family)))
        self._shape = shape_of(tensors, config.weights)
        self._device = compute_device()
        usual = "float32" if self._device == "cpu" else "float16"
        precision = usual if config.precision == "auto" else config.precision
        self._net = network(tensors, self._shape, config.weights, precision).to(self._device)
        if config.compiled:
            self._net.compile()

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        """Match each (query, gallery) pair.

        Raises:
            HarnessError: the descriptors' length is not what the weights were trained for.
            DataError: a keypoint outside its image.
        """
        return each_match(self._found(*PackedFeatures.of_pairs(pairs)), len(pairs))

    def match_block(self, images: PackedFeatures, pairs: Rows) -> PairSummary:
        """Match pairs [m, 2] of rows of ``images`` and count what :meth:`match` finds; the same errors."""
        return each_summary(self._found(images, pairs), len(pairs))

    def _found(self, images: PackedFeatures, pairs: Rows) -> Iterator[tuple[Rows, Found]]:
        """Which of the pairs, and their matches; pairs of like counts are put into one batch."""
        self._check(images, np.unique(pairs))
        counts = np.minimum(images.count, self.config.max_keypoints)[pairs]
        order = np.lexsort((counts[:, 1], counts[:, 0]))
        order = order[counts[order].all(axis=1)]
        size = self.config.batch or self._batch(int(counts.max(initial=1)))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        work = partial(self._match, images, resident(images, self._device))
        found = side_by_side(work, (pairs[rows] for rows in batches), self._device)
        yield from zip(batches, found, strict=True)

    def _batch(self, keypoints: int) -> int:
        if self._device == "cpu":
            return max(1, CPU_KEYPOINTS // keypoints)
        import torch

        free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        numbers = 8 * keypoints**2 + 32 * keypoints * self._shape.width  # of one pair, with room to spare
        return int(np.clip(free // (2 * CARD_THREADS * 4 * numbers), 1, CARD_PAIRS))

    def _match(self, images: PackedFeatures, arrays: dict[str, Tensor], pairs: Rows) -> Found:
        import torch

        from ._lightglue_layers import matched

        counts = np.minimum(images.count, self.config.max_keypoints)[pairs]
        padded = self.config.compiled or (counts != counts[0]).any()
        with torch.inference_mode():
            left, right = (self._side(arrays, pairs[:, side], counts[:, side], bool(padded)) for side in (0, 1))
            found = matched(self._net(left, right), self.config.least)
        pair, own, partner, probability = (part.cpu().numpy() for part in found)
        return finished(pair, np.stack([own, partner], axis=1), probability, images, pairs, self.config)

    def _side(self, arrays: dict[str, Tensor], rows: Rows, counts: NDArray[np.int32], padded: bool) -> Side:
        import torch

        from ._lightglue_layers import Side

        most = int(counts.max())
        if self.config.compiled:
            most = min(-(-most // BUCKET) * BUCKET, arrays["scores"].shape[1])
        here = torch.from_numpy(rows).to(self._device)

        def cut(name: str) -> Tensor:
            return arrays[name][:, :most].index_select(0, here)

        side = {name: cut(name) for name in ("keypoints", "scales", "orientations")} | {"size": arrays["size"][here]}
        numbers = torch.from_numpy(counts).to(self._device)
        real = torch.arange(most, device=self._device) < numbers[:, None] if padded else None
        return Side(places(side, self._shape.oriented), cut("descriptors").float(), real)

    def _check(self, images: PackedFeatures, rows: Rows) -> None:
        length = images.descriptors.shape[2]
        if length != self._shape.descriptor and images.count[rows].any():
            raise HarnessError(
                f"weights {self.config.weights} take descriptors of length {self._shape.descriptor}, "
                f"features {self.config.features!r} have {length}",
                "Give weights that were trained for these features.",
            )
        points, sizes = images.keypoints[rows], images.size[rows]
        outside = ((points < 0) | (points > sizes[:, None])).any(axis=(1, 2))
        if outside.any():
            width, height = sizes[outside][0]
            raise DataError(
                f"a keypoint lies outside its image of width {width} and height {height}",
                "Report keypoints as (x, y) in pixels of the photograph, and its size as (width, height).",
            )


def _unavailable(config: LightGlueConfig) -> str | None:
    return missing(config.weights, config.family) if config.family in OFFICIAL else None


@hookimpl
def harness_matchers() -> Iterator[MatcherSpec]:
    """Offer ``lightglue``."""
    yield MatcherSpec(
        name="lightglue",
        version="1",
        config=LightGlueConfig,
        build=LightGlueMatcher,
        accepts=frozenset(OFFICIAL),
        symmetric=lambda config: config.geometry == "none",
        summary="LightGlue, a learned matcher",
        licence="Apache-2.0 (code and weights)",
        citation="Lindenberger et al., LightGlue: Local Feature Matching at Light Speed, ICCV 2023",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=_unavailable,
        trainable=TRAINABLE,
    )
