"""The two plain classifiers: softmax over individuals and softmax over species."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from harness import Config, Loss, LossSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn


class SoftmaxSettings(Config):
    """Settings of the plain classifiers."""

    temperature: float = Field(1.0, gt=0, description="divides the logits before cross entropy")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all classes")


@dataclass(frozen=True)
class SoftmaxLoss:
    """Cross entropy on one linear layer over the embedding as it is, not normalised."""

    config: SoftmaxSettings

    def head(self, dim: int, classes: int) -> nn.Module:
        """A module: (embeddings [n, dim], labels [n]) -> scalar; ``logits(embeddings)`` -> [n, classes]."""
        from torch import Tensor, nn
        from torch.nn import functional

        class Head(nn.Module):
            def __init__(self, config: SoftmaxSettings) -> None:
                super().__init__()
                self.config = config
                self.linear = nn.Linear(dim, classes)

            def logits(self, embeddings: Tensor) -> Tensor:
                return self.linear(embeddings) / self.config.temperature

            def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
                logits = self.logits(embeddings)
                return functional.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)

        return Head(self.config)


def build(config: SoftmaxSettings) -> Loss:
    """Make the loss."""
    return SoftmaxLoss(config)


@hookimpl
def harness_losses() -> Iterator[LossSpec]:
    """Offer ``softmax`` over individuals and ``softmax-species`` over species."""
    yield LossSpec(
        name="softmax",
        version="1",
        config=SoftmaxSettings,
        build=build,
        summary="plain classifier of individuals",
        licence="Apache-2.0",
        requires=("torch",),
        classifies=True,
    )
    yield LossSpec(
        name="softmax-species",
        version="1",
        config=SoftmaxSettings,
        build=build,
        summary="plain classifier of species; its embedding is still scored on individuals",
        licence="Apache-2.0",
        requires=("torch",),
        labels="species",
        classifies=True,
    )
