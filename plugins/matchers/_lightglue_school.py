"""What of LightGlue can be set when it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness import Config, Trainable, artefact
from harness.weights import load_into, load_tensors

from ._lightglue_files import SHIPPED, path_of

if TYPE_CHECKING:
    from torch import nn

ORIENTED = ("sift",)
"""Features whose scales and orientations are worth telling the network."""


class LightGlueTraining(Config):
    """Settings of the network that is trained."""

    layers: int = Field(3, ge=1, le=32, description="layers of self- and cross-attention")
    dim: int = Field(0, ge=0, description="width; 0: that of the descriptors, so that it can start as their matcher")
    heads: int = Field(2, ge=1, description="heads of each attention")
    start: str = artefact(
        "none", "weights to go on from, of the same sizes; none: a matcher of nearest neighbours", shipped=SHIPPED
    )


def network(config: Any, settings: LightGlueTraining, dim: int) -> nn.Module:
    """The network, ready to be trained."""
    from ._lightglue_net import renamed
    from ._lightglue_training import started

    family = config.family
    net = started(dim, settings.dim or dim, settings.heads, settings.layers, family in ORIENTED)
    if settings.start != "none":
        tensors = renamed(load_tensors(path_of(settings.start, family)))
        load_into(net.matcher, tensors, source=settings.start, allow_missing=["confidence_thresholds"])
    return net


TRAINABLE = Trainable(settings=LightGlueTraining, network=network)
