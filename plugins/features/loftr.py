"""LoFTR's backbone: a descriptor (256-d) for every cell of 8 x 8 pixels, by kornia; for the matcher of that name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from harness import FeaturesSpec, LocalFeatures, hookimpl
from harness.types import Image
from harness.weights import below, compute_device, load_into

from ._frame import nothing, plain, resize, strongest
from ._kornia import NetworkConfig, official, reason

DIM = 256
CELL = 8
"""Side in pixels of a cell of the shrunk picture."""

URL = "https://huggingface.co/kornia/loftr/resolve/main/loftr_outdoor.ckpt"


class LoftrConfig(NetworkConfig):
    """Settings of ``loftr``."""

    max_keypoints: int = Field(1024, ge=1, description="room for the cells of an image, at least (size / 8)^2")
    size: int = Field(256, ge=CELL, description="longest side in pixels that an image is scaled down to, never up")

    @model_validator(mode="after")
    def _every_cell_has_room(self) -> Self:
        cells = (self.size // CELL) ** 2
        if self.max_keypoints < cells:
            raise ValueError(
                f"a picture of size {self.size} has up to {cells} cells, and LoFTR needs them all: "
                f"set max_keypoints={cells}, or a smaller size"
            )
        return self


class Loftr:
    """The coarse map of LoFTR's backbone (Sun et al. 2021), which does not depend on the other image of a pair.

    A picture is made grey and scaled to a grid of whole cells, as many along its longest side as fit into ``size``.
    A cell's keypoint is the pixel that its receptive field is centred on, its scale a cell's side along the longest
    side of the photograph, by which a matcher finds the grid again, its score 1. A picture of one colour has none.
    """

    def __init__(self, config: LoftrConfig) -> None:
        from kornia.feature import LoFTR
        from torch import nn

        self.config = config
        self._device = compute_device()
        network = LoFTR(pretrained=None).backbone
        tensors = below(below(official(config, URL), "state_dict."), "matcher.")
        load_into(network, below(tensors, "backbone."), source=config.weights)
        coarse = nn.Sequential(  # what follows in the backbone is for the fine half of LoFTR
            *(network.conv1, network.bn1, network.relu),
            *(network.layer1, network.layer2, network.layer3, network.layer3_outconv),
        )
        self._network = coarse.eval().requires_grad_(False).to(self._device)

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        """Describe each image [h, w, 3]."""
        import torch

        with torch.inference_mode():
            return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> LocalFeatures:
        import cv2
        import torch

        full = (image.shape[1], image.shape[0])
        longest = max(full)
        along = max(1, min(self.config.size, longest) // CELL)
        columns, rows = (max(1, round(side * along / longest)) for side in full)
        picture = resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (columns * CELL, rows * CELL))
        if plain(picture):
            return nothing(DIM, full)
        pixels = torch.from_numpy(picture.copy()).to(self._device)[None, None].float() / 255
        cells = self._network(pixels)[0].flatten(1).T.cpu().numpy()
        places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2) * CELL
        small = (columns * CELL, rows * CELL)
        found = strongest(places, cells, np.ones(len(cells)), limit=len(cells), found_in=small, size=full)
        return replace(found, scales=np.full(len(found), longest / along, np.float32))


@hookimpl
def harness_features() -> Iterator[FeaturesSpec]:
    """Offer ``loftr``."""
    yield FeaturesSpec(
        name="loftr",
        version="1",
        config=LoftrConfig,
        build=Loftr,
        dim=DIM,
        summary="LoFTR's backbone, a descriptor a cell; for the matcher loftr",
        licence="Apache-2.0 (code and weights)",
        citation="Sun et al., LoFTR: Detector-Free Local Feature Matching with Transformers, CVPR 2021",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=reason(URL),
    )
