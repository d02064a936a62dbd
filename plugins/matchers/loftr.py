"""LoFTR without its fine half: a transformer that matches the cells of two images, no keypoint detected first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

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
from harness.device import resident, side_by_side
from harness.weights import TrainedWeights, compute_device, find, load_tensors, unavailable

from ._geometry import Found, GeometryConfig, each_match, each_summary, finished

if TYPE_CHECKING:
    from torch import Tensor

    from ._loftr_net import Cells

Rows = NDArray[np.int64]

URL = "https://huggingface.co/kornia/loftr/resolve/main/loftr_outdoor.ckpt"

ROOM = {"cpu": 1 << 20, "cuda": 1 << 26}
"""Similarities of one batch: one pair fills a core, and several a card."""


class LoftrConfig(GeometryConfig):
    """Settings of ``loftr``."""

    features: str = Field("loftr", description="loftr, with settings or without")
    max_keypoints: int = Field(
        1024, ge=1, description="room for the cells of an image, at least (size / 8)^2; all take part"
    )
    weights: TrainedWeights = artefact("pretrained", "'pretrained' (the official outdoor file) or a weights file")
    threshold: float = Field(0.2, ge=0, lt=1, description="least probability of a match")
    border: int = Field(2, ge=0, description="cells at each edge of an image whose matches are dropped")
    inlier_pixels: float = Field(
        12.5, gt=0, description="as for the other matchers; the default is a cell of 8 pixels at the default size"
    )
    batch: int = knob(0, "pairs that go through the network at once; 0: as many as suit the device", ge=0)


class Side(NamedTuple):
    """One image of each pair: its cells; ``keypoint`` [b, rows * columns], which keypoint each cell is, -1 for none;
    ``inner`` bool [rows * columns], the cells off the border."""

    cells: Cells
    keypoint: Rows
    inner: NDArray[np.bool_]


class LoftrMatcher:
    """LoFTR's coarse matching (Sun et al. 2021) of the cells that the features ``loftr`` describe.

    Left out is the refinement to sub-pixels: a match is exact to a cell, 8 pixels of the shrunk picture, which changes
    no count, but makes a geometric check coarse. Cells that a mask took out take no part. A match's score is its
    probability. (a, b) and (b, a) may differ: in the network the second image looks at the first when that has already
    looked at it.
    """

    def __init__(self, config: LoftrConfig) -> None:
        from ._loftr_net import Coarse

        self.config = config
        self._device = compute_device()
        self._net = Coarse(load_tensors(find(config.weights, URL)), config.weights).to(self._device)

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        """Match each (query, gallery) pair.

        Raises:
            HarnessError: descriptors of another length.
            DataError: the keypoints are no cells of a grid.
        """
        return each_match(self._found(*PackedFeatures.of_pairs(pairs)), len(pairs))

    def match_block(self, images: PackedFeatures, pairs: Rows) -> PairSummary:
        """Match pairs [m, 2] of rows of ``images`` and count what :meth:`match` finds; the same errors."""
        return each_summary(self._found(images, pairs), len(pairs))

    def _found(self, images: PackedFeatures, pairs: Rows) -> Iterator[tuple[Rows, Found]]:
        """Which of the pairs, and their matches; pairs of the same two grids are put into one batch."""
        grids = _grids(images)
        batches = list(self._batches(grids[pairs].reshape(-1, 4)))
        work = partial(self._match, images, resident(images, self._device), grids)
        found = side_by_side(work, (pairs[rows] for rows in batches), self._device)
        yield from zip(batches, found, strict=True)

    def _batches(self, shapes: Rows) -> Iterator[Rows]:
        """Pairs by the shapes [m, 4] of their grids; those of an image without keypoints are left out."""
        order = np.lexsort(shapes.T)
        order = order[shapes[order].all(axis=1)]
        for run in np.split(order, np.flatnonzero(np.diff(shapes[order], axis=0).any(axis=1)) + 1):
            size = self.config.batch or max(1, ROOM[self._device] // int(shapes[run[:1]].prod(initial=1)))
            yield from (run[start : start + size] for start in range(0, len(run), size))

    def _match(self, images: PackedFeatures, arrays: dict[str, Tensor], grids: Rows, pairs: Rows) -> Found:
        import torch

        from ._lightglue_layers import matched

        with torch.inference_mode():
            left, right = (self._side(images, arrays, pairs[:, side], grids[pairs[0, side]]) for side in (0, 1))
            found = matched(self._net(left.cells, right.cells), self.config.threshold)
        pair, own, partner, probability = (part.cpu().numpy() for part in found)
        keep = left.inner[own] & right.inner[partner]
        indices = np.stack([left.keypoint[pair, own], right.keypoint[pair, partner]], axis=1)
        return finished(pair[keep], indices[keep], probability[keep], images, pairs, self.config)

    def _side(self, images: PackedFeatures, arrays: dict[str, Tensor], rows: Rows, grid: Rows) -> Side:
        """Images with one ``grid`` (columns, rows)."""
        import torch

        from ._loftr_net import DIM, Cells

        if arrays["descriptors"].shape[2] != DIM:
            raise HarnessError(
                f"loftr takes descriptors of length {DIM}, features {self.config.features!r} have "
                f"{arrays['descriptors'].shape[2]}",
                "Set features=loftr.",
            )
        columns, high = grid.tolist()
        keypoint = _keypoints(images, rows, grid)
        image, cell = np.nonzero(keypoint >= 0)
        maps = torch.zeros(len(rows), columns * high, DIM, device=self._device)
        maps[image, cell] = arrays["descriptors"][rows[image], keypoint[image, cell]].float()
        real = None if len(image) == keypoint.size else torch.from_numpy(keypoint >= 0).to(self._device)
        column, row = np.meshgrid(np.arange(columns), np.arange(high))
        inner = np.minimum.reduce([column, row, columns - 1 - column, high - 1 - row]) >= self.config.border
        return Side(Cells(maps.view(len(rows), high, columns, DIM), real), keypoint, inner.ravel())


def _grids(images: PackedFeatures) -> Rows:
    """(columns, rows) of each image's grid [n, 2], by the side of a cell that its keypoints' scales tell; 0 without
    keypoints."""
    some, size = images.count > 0, images.size.astype(np.float64)
    if not some.any():
        return np.zeros((len(images), 2), np.int64)
    if not images.scales[some, :1].all():
        raise DataError("these keypoints are no cells of LoFTR's grid", "Describe the images with features=loftr.")
    longest = size.max(axis=1, initial=1, keepdims=True)
    along = np.rint(longest[some] / images.scales[some, :1])
    grids = np.zeros((len(images), 2), np.int64)
    grids[some] = np.maximum(1, np.rint(size[some] * along / longest[some]))
    return grids


def _keypoints(images: PackedFeatures, rows: Rows, grid: Rows) -> Rows:
    """The keypoint in each cell [b, rows * columns] of images with one ``grid``, -1 where there is none.

    Raises:
        DataError: two keypoints in one cell.
    """
    counts = images.count[rows]
    image, keypoint = np.nonzero(np.arange(images.keypoints.shape[1]) < counts[:, None])
    places = images.keypoints[rows[image], keypoint].astype(np.float64)
    column, row = np.clip((places + 0.5) * grid / images.size[rows[image]], 0, grid - 1).astype(np.int64).T
    found = np.full((len(rows), int(grid.prod())), -1)
    found[image, row * grid[0] + column] = keypoint
    if (found >= 0).sum() != len(keypoint):
        raise DataError("two keypoints in one cell of LoFTR's grid", "Describe the images with features=loftr.")
    return found


def _unavailable(config: LoftrConfig) -> str | None:
    return unavailable(config.weights, URL)


@hookimpl
def harness_matchers() -> Iterator[MatcherSpec]:
    """Offer ``loftr``."""
    yield MatcherSpec(
        name="loftr",
        version="1",
        config=LoftrConfig,
        build=LoftrMatcher,
        accepts=frozenset({"loftr"}),
        summary="LoFTR's coarse half, a dense learned matcher",
        licence="Apache-2.0 (code and weights)",
        citation="Sun et al., LoFTR: Detector-Free Local Feature Matching with Transformers, CVPR 2021",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=_unavailable,
    )
