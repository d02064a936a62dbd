"""The backbone ``colour-histogram``: how often each colour occurs; nothing is learnt, so a network must beat it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from harness import BackboneSpec, Config, Preprocess, hookimpl

if TYPE_CHECKING:
    from torch import nn


class HistogramConfig(Config):
    """How finely colours are told apart."""

    bins: int = Field(4, ge=2, le=16, description="steps of each of red, green and blue")
    size: int = Field(64, ge=1, le=1024, description="height and width in pixels that photographs are brought to")


class ColourHistogram:
    """Counts of the colours of a photograph, bins**3 of them.

    Swain and Ballard, Color indexing, IJCV 1991. Counts are whole numbers and the same on every machine; few bins on
    few pixels give equal counts for different photographs, which makes ties.
    """

    def __init__(self, config: HistogramConfig) -> None:
        self.bins = config.bins
        self.preprocess = Preprocess((config.size, config.size), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear")

    def module(self) -> nn.Module:
        """Float [n, 3, h, w] on [0, 1] -> counts float [n, bins**3]."""
        import torch
        from torch import Tensor, nn

        bins = self.bins

        class Counts(nn.Module):
            """No weights: the network of a loss learns on top of the counts."""

            def forward(self, images: Tensor) -> Tensor:
                step = (images * bins).long().clamp(0, bins - 1).flatten(2)
                colour = (step[:, 0] * bins + step[:, 1]) * bins + step[:, 2]
                counts = torch.zeros(len(images), bins**3, dtype=images.dtype, device=images.device)
                return counts.scatter_add_(1, colour, torch.ones_like(colour, dtype=images.dtype))

        return Counts()


@hookimpl
def harness_backbones() -> Iterator[BackboneSpec]:
    """Offer ``colour-histogram``."""
    yield BackboneSpec(
        name="colour-histogram",
        version="1",
        config=HistogramConfig,
        build=ColourHistogram,
        summary="counts of colours, nothing learnt: a floor for networks",
        licence="Apache-2.0",
        citation="Swain and Ballard, Color indexing, IJCV 1991",
        requires=("torch",),
    )
