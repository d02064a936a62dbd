"""The processes that train one network, one on each device: what they share out and what they bring together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import CellFailed

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor, nn

Index = NDArray[np.int64]


class Team:
    """A team of one: all of each batch is its own, and nothing is brought together."""

    rank, size = 0, 1

    def __init__(self, device: str) -> None:
        self.device = device

    def share(self, rows: Index) -> Index:
        """The part of a batch that this process computes."""
        return rows

    def joined(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the team; both share their weights."""
        return module

    def backward(self, loss: Tensor, rows: Index) -> None:
        """Gradients of a loss that is the mean over this process' share of ``rows``."""
        loss.backward()  # type: ignore[no-untyped-call]

    def total(self, value: float) -> float:
        """The sum over the team."""
        return value

    def check(self, module: nn.Module) -> None:
        """Raise CellFailed where the module's weights are not those of the first process."""


class FabricTeam(Team):
    """One process of several, brought together by Lightning Fabric (DistributedDataParallel).

    Each has its share of a batch, so that batch norm and a loss on pairs see that share alone; gradients are those of
    the mean over the whole batch. What differs from one device is this, the draws of the augmentation, and rounding.
    """

    def __init__(self, fabric: Fabric) -> None:
        super().__init__(str(fabric.device))
        self.fabric, self.rank, self.size = fabric, fabric.global_rank, fabric.world_size

    def share(self, rows: Index) -> Index:
        """Neighbours stay together: a per-class batch holds the images of a class side by side."""
        return np.array_split(rows, self.size)[self.rank]

    def joined(self, module: nn.Module) -> nn.Module:
        """A module with nothing to train stays as it is."""
        if not any(weight.requires_grad for weight in module.parameters()):
            return module
        joined: nn.Module = self.fabric.setup_module(module)
        return joined

    def backward(self, loss: Tensor, rows: Index) -> None:
        """Shares may differ by one image; the team's mean of gradients weighs them alike, so the loss is weighed."""
        self.fabric.backward(loss * (len(self.share(rows)) * self.size / len(rows)))

    def total(self, value: float) -> float:
        """The sum over the team, in float64."""
        import torch

        summed = self.fabric.all_reduce(torch.tensor(value, dtype=torch.float64), reduce_op="sum")
        return float(summed)

    def check(self, module: nn.Module) -> None:
        """Raise CellFailed where the module's weights are not those of the first process."""
        import torch

        own = torch.stack([weight.detach().double().sum() for weight in module.parameters()]).cpu()
        if not torch.equal(own, self.fabric.broadcast(own)):
            raise CellFailed(
                f"the weights of training process {self.rank} have drifted from those of the first",
                "Set train.devices to 1.",
            )
