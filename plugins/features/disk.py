"""DISK: keypoints learned by policy gradient (128-d), by kornia."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness import FeaturesSpec, hookimpl
from harness.weights import below, load_into

from ._kornia import Found, NetworkConfig, NetworkFeatures, official, reason

if TYPE_CHECKING:
    from torch import Tensor

DIM = 128
URL = "https://huggingface.co/kornia/disk/resolve/main/depth-save.pth"


def build(config: NetworkConfig) -> NetworkFeatures:
    """Load the network (the weights trained with depth maps)."""
    from kornia.feature import DISK

    network = DISK()
    load_into(network, below(official(config, URL), "extractor."), source=config.weights)

    def detect(pixels: Tensor) -> Found:
        found = network(pixels, n=config.max_keypoints)[0]
        return Found(found.keypoints, found.descriptors, found.detection_scores)

    return NetworkFeatures(config, network, detect, DIM, multiple=16)


@hookimpl
def harness_features() -> Iterator[FeaturesSpec]:
    """Offer ``disk``."""
    yield FeaturesSpec(
        name="disk",
        version="1",
        config=NetworkConfig,
        build=build,
        dim=DIM,
        summary="DISK, a dense learned detector and descriptor",
        licence="Apache-2.0 (code and weights)",
        citation="Tyszkiewicz et al., DISK: Learning local features with policy gradient, NeurIPS 2020",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=reason(URL),
    )
