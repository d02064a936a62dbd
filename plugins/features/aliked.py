"""ALIKED-N16: keypoints with deformable descriptors (128-d), by kornia."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness import FeaturesSpec, hookimpl
from harness.weights import load_into

from ._kornia import Found, NetworkConfig, NetworkFeatures, official, reason

if TYPE_CHECKING:
    from torch import Tensor

DIM = 128
URL = "https://huggingface.co/kornia/aliked/resolve/main/aliked-n16.pth"


def build(config: NetworkConfig) -> NetworkFeatures:
    """Load the network; a file of ALIKED-N16rot has the same shapes and works too.

    The strongest maxima are kept whatever their score (a threshold of 0). ``dkd`` has a fixed grid and no weights.
    """
    from kornia.feature import ALIKED

    network = ALIKED("aliked-n16", max_num_keypoints=config.max_keypoints, detection_threshold=0.0)
    load_into(network, official(config, URL), source=config.weights, allow_missing=["dkd."])

    def detect(pixels: Tensor) -> Found:
        found = network(pixels)[0]
        return Found(found.keypoints, found.descriptors, found.keypoint_scores)

    return NetworkFeatures(config, network, detect, DIM)


@hookimpl
def harness_features() -> Iterator[FeaturesSpec]:
    """Offer ``aliked``."""
    yield FeaturesSpec(
        name="aliked",
        version="1",
        config=NetworkConfig,
        build=build,
        dim=DIM,
        summary="ALIKED-N16, sub-pixel keypoints with deformable descriptors",
        licence="BSD-3-Clause (code and weights)",
        citation="Zhao et al., ALIKED: A Lighter Keypoint and Descriptor Extraction Network, IEEE TIM 2023",
        requires=("torch", "kornia", "cv2=opencv-python"),
        unavailable=reason(URL),
    )
