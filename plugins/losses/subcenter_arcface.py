"""Sub-center ArcFace: ArcFace with several vectors a class, so that two flanks of one animal need not share one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field

from harness import Config, Loss, LossSpec, hookimpl

from ._metric import ClassVectorLoss


class SubCenterSettings(Config):
    """Settings of sub-center ArcFace."""

    margin: float = Field(0.5, ge=0, lt=math.pi / 2, description="additive angular margin m, in radians")
    scale: float = Field(64.0, gt=0, description="scale s of the cosines before cross entropy")
    sub_centers: int = Field(3, ge=1, description="vectors K for each class; the nearest one counts")


def build(config: SubCenterSettings) -> Loss:
    """Make the loss; the library counts its margin in degrees."""
    settings = {"margin": math.degrees(config.margin), "scale": config.scale, "sub_centers": config.sub_centers}
    return ClassVectorLoss("SubCenterArcFaceLoss", settings)


@hookimpl
def harness_losses() -> Iterator[LossSpec]:
    """Offer ``subcenter-arcface``."""
    yield LossSpec(
        name="subcenter-arcface",
        version="1",
        config=SubCenterSettings,
        build=build,
        summary="ArcFace with several centres for each individual",
        licence="MIT (pytorch-metric-learning)",
        citation="Deng et al., Sub-center ArcFace, ECCV 2020, https://doi.org/10.1007/978-3-030-58621-8_43",
        requires=("pytorch_metric_learning=pytorch-metric-learning",),
    )
