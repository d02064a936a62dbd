"""EfficientNet-B3 from timm, one of the study's two backbones."""

from __future__ import annotations

from collections.abc import Iterator

from harness import Backbone, BackboneSpec, hookimpl

from ._timm import TimmBackbone, TimmSettings, lacks

MODEL = "efficientnet_b3.ra2_in1k"
"""The tag fixes which of timm's checkpoints ImageNet weights mean."""


def build(config: TimmSettings) -> Backbone:
    """Make the backbone."""
    return TimmBackbone(MODEL, config, {}, {})


@hookimpl
def harness_backbones() -> Iterator[BackboneSpec]:
    """Offer ``efficientnet_b3``."""
    yield BackboneSpec(
        name="efficientnet_b3",
        version="1",
        config=TimmSettings,
        build=build,
        summary="EfficientNet-B3, ImageNet weights",
        licence="Apache-2.0 (timm, code and weights)",
        citation="Tan and Le, EfficientNet, ICML 2019, https://arxiv.org/abs/1905.11946",
        requires=("timm",),
        unavailable=lambda config: lacks(MODEL, config.weights, f"timm/{MODEL}"),
    )
