"""Triplet loss: two photographs of one animal nearer to each other than to a third of another, by a margin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness import Config, Loss, LossSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn


class TripletSettings(Config):
    """Settings of the triplet loss."""

    margin: float = Field(0.2, gt=0, description="by how much the negative must be farther (unit vectors, Euclidean)")
    mining: Literal["all", "semihard", "hard"] = Field(
        "all",
        description="triplets that count: every one that breaks the margin, those with the negative still "
        "farther than the positive, or those with it nearer",
    )


@dataclass(frozen=True)
class TripletLoss:
    """The library's triplet loss with its miner; triplets are drawn from the batch."""

    config: TripletSettings

    def head(self, dim: int, classes: int) -> nn.Module:
        """A module without weights: ([n, dim], labels [n]) -> scalar, 0 where no triplet breaks the margin."""
        from pytorch_metric_learning import losses, miners
        from torch import Tensor, nn

        class Head(nn.Module):
            def __init__(self, margin: float, mining: str) -> None:
                super().__init__()
                self.miner = miners.TripletMarginMiner(margin=margin, type_of_triplets=mining)
                self.loss = losses.TripletMarginLoss(margin=margin)

            def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
                return self.loss(embeddings, labels, self.miner(embeddings, labels))

        return Head(self.config.margin, self.config.mining)


def build(config: TripletSettings) -> Loss:
    """Make the loss."""
    return TripletLoss(config)


@hookimpl
def harness_losses() -> Iterator[LossSpec]:
    """Offer ``triplet``."""
    yield LossSpec(
        name="triplet",
        version="1",
        config=TripletSettings,
        build=build,
        summary="triplets mined in batches with several photographs of each individual",
        licence="MIT (pytorch-metric-learning)",
        citation="Schroff et al., FaceNet, CVPR 2015, https://arxiv.org/abs/1503.03832",
        requires=("pytorch_metric_learning=pytorch-metric-learning",),
        sampler="per-class",
    )
