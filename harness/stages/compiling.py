"""Whether a network is compiled for its training, and how."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import nn

LONG = 5000
"""Steps from which on compiling is worth its start: a minute or two, against a tenth or two of each step."""


def compiled(network: nn.Module, wish: str, steps: int, device: str) -> nn.Module:
    """The network, compiled where ``wish`` is ``on``, or ``auto`` and :func:`pays`; the two share their weights.

    Every batch size gets a program of its own; an epoch has two sizes at most. Compiled or not differs by rounding.
    """
    import torch

    if wish == "off" or (wish == "auto" and not pays(steps, device)):
        return network
    return cast("nn.Module", torch.compile(network, dynamic=False))


def pays(steps: int, device: str) -> bool:
    """True for a long run on a card, on a machine that can compile for it.

    Never on a CPU: convolutions, most of the time there, come from the same library either way.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    return device.startswith("cuda") and steps >= LONG and bool(compiler and importlib.util.find_spec("triton"))
