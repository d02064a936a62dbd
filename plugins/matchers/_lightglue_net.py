"""LightGlue's network from a file of weights: its layers, widths and heads are read off the tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from harness import HarnessError
from harness.weights import below, load_into

if TYPE_CHECKING:
    from torch import Tensor

    from ._lightglue_layers import Layers

ADVICE = "Give weights of LightGlue."
LAYER = re.compile(r"transformers\.(\d+)\.")
OLD_NAME = re.compile(r"^(self|cross)_attn\.(\d+)\.")


class Shape(NamedTuple):
    """``descriptor``: length of the descriptors that go in; ``oriented``: whether scale and orientation go in too."""

    descriptor: int
    width: int
    heads: int
    layers: int
    oriented: bool


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under kornia's names; the official files have older ones, or a whole pipeline with a ``matcher``."""
    return {OLD_NAME.sub(r"transformers.\2.\1_attn.", name): t for name, t in below(tensors, "matcher.").items()}


def shape_of(tensors: Mapping[str, Tensor], source: str) -> Shape:
    """Read the shape of the network off its tensors.

    Heads leave no trace in the layers, but the positional encoding has half a head's width in frequencies.

    Raises:
        HarnessError: these are no tensors of LightGlue, or of one that needs affine frames.
    """
    layers = {int(found[1]) for name in tensors if (found := LAYER.match(name))}
    frequencies = tensors.get("posenc.Wr.weight")
    output = tensors.get("transformers.0.self_attn.out_proj.weight")
    if frequencies is None or output is None or frequencies.ndim != 2 or output.ndim != 2:
        raise HarnessError(f"weights {source} do not hold a LightGlue", ADVICE)
    width, head = output.shape[0], 2 * frequencies.shape[0]
    if width % head or frequencies.shape[1] not in (2, 4):
        raise HarnessError(
            f"weights {source} hold a LightGlue with a positional encoding of shape {list(frequencies.shape)} for a "
            f"width of {width}, which this plugin cannot feed",
            ADVICE,
        )
    entry = tensors.get("input_proj.weight")
    descriptor = width if entry is None else entry.shape[-1]
    return Shape(descriptor, width, width // head, max(layers) + 1, frequencies.shape[1] == 4)


def network(tensors: Mapping[str, Tensor], shape: Shape, source: str, precision: str) -> Layers:
    """Build and fill the network, in evaluation mode; ``precision`` of its layers is a floating type's name.

    What only adaptive depth and width use may be missing: confidences, and the assignments of all layers but the last.

    Raises:
        HarnessError: names or shapes do not fit.
    """
    import torch
    from kornia.feature import LightGlue

    from ._lightglue_layers import Layers

    flash = torch.backends.cuda.flash_sdp_enabled()
    net = LightGlue(
        None,
        input_dim=shape.descriptor,
        descriptor_dim=shape.width,
        num_heads=shape.heads,
        n_layers=shape.layers,
        add_scale_ori=shape.oriented,
    )
    torch.backends.cuda.enable_flash_sdp(flash)  # kornia sets it for the whole process
    unused = [f"log_assignment.{layer}." for layer in range(shape.layers - 1)]
    load_into(net, tensors, source=source, allow_missing=["token_confidence.", "confidence_thresholds", *unused])
    half = None if precision == "float32" else getattr(torch, precision)
    return Layers(net, half).eval().requires_grad_(False)
