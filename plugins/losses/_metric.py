"""Losses of pytorch-metric-learning that keep weight vectors for each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ClassVectorLoss:
    """A loss that pulls an embedding to the vector of its class: ``kind`` names it in the library."""

    kind: str
    settings: Mapping[str, Any]

    def head(self, dim: int, classes: int) -> nn.Module:
        """The library's module: (embeddings [n, dim], labels [n]) -> scalar."""
        from pytorch_metric_learning import losses
        from pytorch_metric_learning.utils.common_functions import TorchInitWrapper
        from torch.nn.init import xavier_uniform_

        # The library starts the vectors at a length near sqrt(dim), so that AdamW's steps would hardly turn them.
        start = TorchInitWrapper(xavier_uniform_)
        make = getattr(losses, self.kind)
        return make(num_classes=classes, embedding_size=dim, weight_init_func=start, **self.settings)
