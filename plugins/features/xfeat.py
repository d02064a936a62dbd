"""XFeat: a small, fast detector and descriptor (64-d), by kornia."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness import FeaturesSpec, hookimpl
from harness.weights import below, load_into

from ._kornia import Found, NetworkConfig, NetworkFeatures, official, reason

if TYPE_CHECKING:
    from torch import Tensor

DIM = 64
URL = "https://github.com/verlab/accelerated_features/raw/main/weights/xfeat.pt"


def build(config: NetworkConfig) -> NetworkFeatures:
    """Load the network. The head that refines semi-dense matches (``fine_matcher``) is not used and may be missing."""
    from kornia.feature import XFeat

    network = XFeat(top_k=config.max_keypoints)
    load_into(network.net, below(official(config, URL), "net."), source=config.weights, allow_missing=["fine_matcher"])

    def detect(pixels: Tensor) -> Found:
        found = network.detectAndCompute(pixels)[0]
        return Found(found["keypoints"], found["descriptors"], found["scores"])

    # XFeat would itself resize to multiples of 32, shifting its keypoints by up to half a pixel.
    return NetworkFeatures(config, network, detect, DIM, multiple=32)


@hookimpl
def harness_features() -> Iterator[FeaturesSpec]:
    """Offer ``xfeat``."""
    yield FeaturesSpec(
        name="xfeat",
        version="1",
        config=NetworkConfig,
        build=build,
        dim=DIM,
        summary="XFeat, a small learned detector and descriptor",
        licence="Apache-2.0 (code and weights)",
        citation="Potje et al., XFeat: Accelerated Features for Lightweight Image Matching, CVPR 2024",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=reason(URL),
    )
