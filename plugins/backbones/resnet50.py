"""ResNet-50 from timm, one of the study's two backbones."""

from __future__ import annotations

from collections.abc import Iterator

from harness import Backbone, BackboneSpec, hookimpl

from ._timm import TimmBackbone, TimmSettings, lacks

MODEL = "resnet50.a1_in1k"
"""The tag fixes which of timm's checkpoints ImageNet weights mean."""


def build(config: TimmSettings) -> Backbone:
    """Make the backbone."""
    return TimmBackbone(MODEL, config, {}, {})


@hookimpl
def harness_backbones() -> Iterator[BackboneSpec]:
    """Offer ``resnet50``."""
    yield BackboneSpec(
        name="resnet50",
        version="1",
        config=TimmSettings,
        build=build,
        summary="ResNet-50, ImageNet weights",
        licence="Apache-2.0 (timm, code and weights)",
        citation="He et al., Deep Residual Learning, CVPR 2016, https://arxiv.org/abs/1512.03385",
        requires=("timm",),
        unavailable=lambda config: lacks(MODEL, config.weights, f"timm/{MODEL}"),
    )
