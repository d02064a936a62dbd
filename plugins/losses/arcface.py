"""ArcFace: an additive margin on the angle between an embedding and its class."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field

from harness import Config, Loss, LossSpec, hookimpl

from ._metric import ClassVectorLoss


class ArcFaceSettings(Config):
    """Settings of ArcFace."""

    margin: float = Field(0.5, ge=0, lt=math.pi / 2, description="additive angular margin m, in radians")
    scale: float = Field(64.0, gt=0, description="scale s of the cosines before cross entropy")


def build(config: ArcFaceSettings) -> Loss:
    """Make the loss; the library counts its margin in degrees."""
    return ClassVectorLoss("ArcFaceLoss", {"margin": math.degrees(config.margin), "scale": config.scale})


@hookimpl
def harness_losses() -> Iterator[LossSpec]:
    """Offer ``arcface``."""
    yield LossSpec(
        name="arcface",
        version="1",
        config=ArcFaceSettings,
        build=build,
        summary="additive angular margin on the true individual",
        licence="MIT (pytorch-metric-learning)",
        citation="Deng et al., ArcFace, CVPR 2019, https://arxiv.org/abs/1801.07698",
        requires=("pytorch_metric_learning=pytorch-metric-learning",),
    )
