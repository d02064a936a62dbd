"""DeepLabV3 with MobileNetV3 by torchvision: the animals among the classes of Pascal VOC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness import Config, SegmenterSpec, artefact, hookimpl
from harness.types import Image
from harness.weights import TrainedWeights, compute_device, find, load_into, load_tensors, unavailable

from ._ellipse import central_ellipse

if TYPE_CHECKING:
    from torch import Tensor, nn

URL = "https://download.pytorch.org/models/deeplabv3_mobilenet_v3_large-fc3c493d.pth"
CLASSES = 21
ANIMALS = (3, 8, 10, 12, 13, 17)
"""Bird, cat, cow, dog, horse, sheep: a zebra passes as a horse, a bear as a dog or cow."""
MARGIN = 0.1
"""Of the ellipse where no animal is found, which then covers half of the picture."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class HubConfig(Config):
    """Settings of ``hub``."""

    size: int = Field(520, ge=32, description="longest side in pixels that an image is scaled to")
    weights: TrainedWeights = artefact("pretrained", "'pretrained' (the official file) or a weights file")


class Network:
    """A pixel is animal where the likeliest class is one. Where none is, a central ellipse is taken.

    An image goes through the network alone, so its mask does not depend on its neighbours.
    """

    def __init__(self, config: HubConfig, network: nn.Module) -> None:
        self.config = config
        self._device = compute_device()
        self._network = network.eval().requires_grad_(False).to(self._device)

    def segment(self, images: Sequence[Image]) -> list[Image]:
        """Masks of the images [h, w, 3]."""
        import torch

        with torch.inference_mode():
            return [self._mask(image) for image in images]

    def _mask(self, image: Image) -> Image:
        import cv2
        import torch

        height, width = image.shape[:2]
        classes = self._network(self._pixels(image))["out"][0].argmax(0)
        animal = torch.isin(classes, torch.tensor(ANIMALS, device=self._device)).cpu().numpy()
        if not animal.any():
            return central_ellipse(height, width, MARGIN)
        mask = np.where(animal, 255, 0).astype(np.uint8)
        return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)

    def _pixels(self, image: Image) -> Tensor:
        """The image as the network was trained on: [1, 3, h, w], its longest side ``size``."""
        import cv2
        import torch

        height, width = image.shape[:2]
        scale = self.config.size / max(height, width)
        to = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, to, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        normal = (small / np.float32(255) - np.float32(MEAN)) / np.float32(STD)
        return torch.from_numpy(normal).to(self._device).permute(2, 0, 1)[None]


def build(config: HubConfig) -> Network:
    """Load the network. Its second head, which only training needs, may be missing and is dropped."""
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    network = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES, aux_loss=True)
    tensors = load_tensors(find(config.weights, URL))
    load_into(network, tensors, source=config.weights, allow_missing=["aux_classifier."])
    network.aux_classifier = None
    return Network(config, network)


@hookimpl
def harness_segmenters() -> Iterator[SegmenterSpec]:
    """Offer ``hub``."""
    yield SegmenterSpec(
        name="hub",
        version="1",
        config=HubConfig,
        build=build,
        summary="DeepLabV3-MobileNetV3 by torchvision: birds, cats, cows, dogs, horses, sheep and what looks like them",
        licence="BSD-3-Clause (code and weights, trained on COCO)",
        citation="Chen et al., Rethinking atrous convolution for semantic image segmentation, 2017",
        requires=("torch", "torchvision", "cv2=opencv-python"),
        unavailable=lambda config: unavailable(config.weights, URL),
    )
