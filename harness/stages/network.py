"""The embedding network: a backbone, a neck that brings its features to the embedding, and its weights as arrays."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone
from harness.errors import CellFailed
from harness.types import Preprocess

if TYPE_CHECKING:
    from torch import nn


def build_network(backbone: Backbone, embedding: int | None) -> nn.Module:
    """Float [n, 3, h, w] (normalised) -> float [n, embedding].

    ``embedding`` None: the backbone's pooled features as they are. Otherwise a linear layer and batch norm follow, the
    neck of the ArcFace paper (section 2.2.3, option E, without dropout), started from torch's random state.

    Raises:
        CellFailed: the backbone does not give one vector an image.
    """
    from torch import nn

    module = backbone.module()
    dim = feature_dim(module, backbone.preprocess)
    if embedding is None:
        return nn.Sequential(OrderedDict(backbone=module))
    neck = nn.Sequential(nn.Linear(dim, embedding, bias=False), nn.BatchNorm1d(embedding))
    return nn.Sequential(OrderedDict(backbone=module, neck=neck))


def feature_dim(module: nn.Module, preprocess: Preprocess) -> int:
    """Length d of the backbone's vectors, from a dry run: declared lengths leave out what some heads add.

    Raises:
        CellFailed: the output is not [n, d].
    """
    import torch

    training = module.training
    module.eval()
    with torch.no_grad():
        features: Any = module(torch.zeros(1, 3, *preprocess.size))
    module.train(training)
    shape = tuple(getattr(features, "shape", ()))
    if len(shape) != 2 or shape[0] != 1:
        raise CellFailed(
            f"the backbone gives {shape or type(features).__name__} for one image, not one vector [1, d]",
            "Pool its features, or name a model that does.",
        )
    return int(shape[1])


def to_arrays(module: nn.Module) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, copied, each with its own type (counters stay int64 and may be 0-d)."""
    return {name: np.array(value.detach().cpu().numpy(), order="C") for name, value in module.state_dict().items()}
