"""What a team brings together: gradients weighed by share, sums, modules; and what a team of one leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import CellFailed
from harness.stages.team import FabricTeam, Team


class Joined(nn.Module):
    """Stands for a module that shares its gradients."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


class Fabric:
    """Stands for Lightning Fabric in the first of two processes; the second has the same numbers."""

    device, global_rank, world_size = torch.device("cpu"), 0, 2

    def __init__(self, first: torch.Tensor | None = None) -> None:
        self.first, self.losses = first, list[float]()

    def setup_module(self, module: nn.Module) -> Joined:
        return Joined(module)

    def backward(self, loss: torch.Tensor) -> None:
        self.losses.append(float(loss))

    def all_reduce(self, value: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert (reduce_op, value.dtype) == ("sum", torch.float64)
        return 2 * value

    def broadcast(self, own: torch.Tensor) -> torch.Tensor:
        return own if self.first is None else self.first


def team(fabric: Any) -> FabricTeam:
    return FabricTeam(fabric)


def test_a_team_knows_its_device_its_size_and_its_own_place() -> None:
    made = team(Fabric())
    assert (made.device, made.rank, made.size) == ("cpu", 0, 2)
    assert (Team("cuda").device, Team("cuda").rank, Team("cuda").size) == ("cuda", 0, 1)


def test_a_loss_is_weighed_by_the_share_of_the_batch() -> None:
    fabric, rows = Fabric(), np.arange(9)
    team(fabric).backward(torch.tensor(3.0), rows)
    assert fabric.losses == pytest.approx([3 * 5 * 2 / 9]), "5 of 9, and the mean of two"


def test_sums_are_over_the_team_and_do_not_round() -> None:
    assert team(Fabric()).total(1 + 1e-12) == 2 * (1 + 1e-12)


def test_a_module_with_nothing_to_train_stays_as_it_is() -> None:
    trained, fixed = nn.Linear(2, 1), nn.Linear(2, 1).requires_grad_(False)
    joined = team(Fabric()).joined(trained)
    assert isinstance(joined, Joined)
    assert joined.module is trained
    assert team(Fabric()).joined(fixed) is fixed
    half = nn.Linear(2, 1)
    half.bias.requires_grad_(False)
    assert isinstance(team(Fabric()).joined(half), Joined)


def test_weights_are_compared_sum_by_sum_in_float64() -> None:
    module = nn.Linear(3, 2)
    sums = torch.stack([weight.detach().double().sum() for weight in module.parameters()])
    team(Fabric(sums)).check(module)
    with pytest.raises(CellFailed, match="training process 0 have drifted") as caught:
        team(Fabric(sums + torch.tensor([0, 1e-12]))).check(module)
    assert "train.devices" in caught.value.advice


def test_a_team_of_one_does_as_if_there_were_no_team() -> None:
    alone, module = Team("cpu"), nn.Linear(2, 1)
    assert alone.joined(module) is module
    assert alone.total(0.3) == 0.3
    alone.check(module)
    alone.backward(module(torch.ones(1, 2)).sum(), np.arange(3))
    assert module.bias.grad is not None
    assert module.bias.grad.tolist() == [1]
