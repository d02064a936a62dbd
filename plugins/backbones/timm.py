"""Any model of timm, and any checkpoint on the Hugging Face hub that timm reads (MegaDescriptor, for one)."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from harness import Backbone, BackboneSpec, hookimpl

from ._timm import TimmBackbone, TimmSettings, lacks_any


class TimmModelSettings(TimmSettings):
    """Settings of ``timm[model=...]``."""

    model: str = Field(
        ...,
        min_length=1,
        description="timm name, best with its tag (mobilenetv2_100.ra_in1k), or hf-hub:BVRA/MegaDescriptor-T-224",
    )
    pad_type: str = Field("", description="padding of the convolutions, for models that take it (same, symmetric)")
    mean: float | None = Field(None, description="mean of all three channels on [0, 1]; the model's own if not given")
    std: float | None = Field(None, gt=0, description="standard deviation likewise")


def build(config: TimmModelSettings) -> Backbone:
    """Make the backbone."""
    arguments = {"pad_type": config.pad_type} if config.pad_type else {}
    given = {"mean": config.mean, "std": config.std}
    return TimmBackbone(config.model, config, arguments, {k: (v,) for k, v in given.items() if v is not None})


@hookimpl
def harness_backbones() -> Iterator[BackboneSpec]:
    """Offer ``timm``."""
    yield BackboneSpec(
        name="timm",
        version="1",
        config=TimmModelSettings,
        build=build,
        summary="any timm model or hub checkpoint, with its own preprocessing",
        licence="Apache-2.0 (timm); the weights have the licence of their own model (MegaDescriptor: CC BY-NC 4.0)",
        citation="Wightman, PyTorch Image Models, https://doi.org/10.5281/zenodo.4414861",
        requires=("timm",),
        unavailable=lambda config: lacks_any(config.model, config.weights),
    )
