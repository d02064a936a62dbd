"""CosFace: an additive margin on the cosine between an embedding and its class."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from harness import Config, Loss, LossSpec, hookimpl

from ._metric import ClassVectorLoss


class CosFaceSettings(Config):
    """Settings of CosFace."""

    margin: float = Field(0.35, ge=0, lt=1, description="additive margin m on the cosine")
    scale: float = Field(64.0, gt=0, description="scale s of the cosines before cross entropy")


def build(config: CosFaceSettings) -> Loss:
    """Make the loss."""
    return ClassVectorLoss("CosFaceLoss", config.model_dump())


@hookimpl
def harness_losses() -> Iterator[LossSpec]:
    """Offer ``cosface``."""
    yield LossSpec(
        name="cosface",
        version="1",
        config=CosFaceSettings,
        build=build,
        summary="additive cosine margin on the true individual",
        licence="MIT (pytorch-metric-learning)",
        citation="Wang et al., CosFace, CVPR 2018, https://arxiv.org/abs/1801.09414",
        requires=("pytorch_metric_learning=pytorch-metric-learning",),
    )
