"""LoFTR's coarse half: from the cells of two images to how likely each matches each."""

# ruff: noqa: TID253  only imported by the functions that build and feed the network
from __future__ import annotations

from typing import NamedTuple

import torch
from kornia.feature import LoFTR
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from harness.weights import below, load_into

from ._lightglue_layers import IMPOSSIBLE

DIM = 256
TEMPERATURE = 0.1
"""Of the softmax that the network was trained with."""


class Cells(NamedTuple):
    """One image of each pair: ``features`` [b, rows, columns, d], and ``real`` bool [b, rows * columns], which cells
    are there, or None for all."""

    features: Tensor
    real: Tensor | None


class Coarse(nn.Module):
    """Positional encoding, coarse transformer and dual softmax (Sun et al. 2021), with the weights in ``tensors``.

    The encoding is the one that the outdoor and the first indoor weights were trained with.

    Raises:
        HarnessError: names or shapes do not fit.
    """

    def __init__(self, tensors: dict[str, Tensor], source: str) -> None:
        super().__init__()
        whole = LoFTR(pretrained=None)
        self.places, self.transformer = whole.pos_encoding, whole.loftr_coarse
        named = below(below(tensors, "state_dict."), "matcher.")
        load_into(self.transformer, below(named, "loftr_coarse."), source=source)
        self.eval().requires_grad_(False)

    def forward(self, left: Cells, right: Cells) -> Tensor:
        """Log probability of each match [b, m, n]."""
        a, b = self.transformer(self._placed(left), self._placed(right), left.real, right.real)
        similarity = a @ b.mT / (DIM * TEMPERATURE)
        absent = torch.zeros((), dtype=torch.bool, device=a.device)
        if left.real is not None:
            absent = absent | ~left.real[:, :, None]
        if right.real is not None:
            absent = absent | ~right.real[:, None]
        similarity = similarity.masked_fill(absent, IMPOSSIBLE)
        return (log_softmax(similarity, 1) + log_softmax(similarity, 2)).masked_fill(absent, IMPOSSIBLE)

    def _placed(self, cells: Cells) -> Tensor:
        placed: Tensor = self.places(cells.features.permute(0, 3, 1, 2))
        return placed.flatten(2).mT.contiguous()
