"""Losses for training in several processes, at the top of a module so that a process can be handed them."""

from __future__ import annotations

import os

import torch
from torch import nn


class Head(nn.Module):
    """Squared distance of each embedding from a trained centre of its class."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, dim))

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (embeddings - self.centres[labels]).square().mean()


class Centres:
    """A loss whose mean over a batch is the mean over its parts."""

    def head(self, dim: int, classes: int) -> nn.Module:
        return Head(dim, classes)


class Lopsided(Head):
    """NaN in the second process, from its third step on."""

    calls = 0

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        factor = float("nan") if os.environ.get("LOCAL_RANK") == "1" and self.calls > 2 else 1.0
        return super().forward(embeddings, labels) * factor


class Diverging:
    """A loss that fails in one process of two."""

    def head(self, dim: int, classes: int) -> nn.Module:
        return Lopsided(dim, classes)
