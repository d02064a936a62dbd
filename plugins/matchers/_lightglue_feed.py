"""What LightGlue is fed for a keypoint besides its descriptor: its place, scale and orientation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TRAINED_SIDE = 1024
"""Longest side, in pixels, of the images that the official weights were trained on: the frame of SIFT's scales."""


def places(side: Mapping[str, Tensor], oriented: bool) -> Tensor:
    """Where keypoints lie, float32 [b, n, 2], or [b, n, 4] with scale and orientation.

    ``side`` holds keypoints [b, n, 2], scales and orientations [b, n], and size [b, 2] as (width, height). The centre
    of an image is the origin, half its longest side is 1.
    """
    import torch
    from kornia.feature.lightglue import normalize_keypoints

    sizes = side["size"]
    points: Tensor = normalize_keypoints(side["keypoints"].float(), sizes)
    if not oriented:
        return points
    scales = side["scales"].float() * (TRAINED_SIDE / sizes.amax(dim=1, keepdim=True))
    return torch.cat([points, scales[..., None], side["orientations"].float()[..., None]], dim=-1)
