"""The training loop: it learns, it can be taken up again to the bit, and it stops at a loss that is not finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from warped import shuffled

from harness.errors import CellFailed
from harness.matcher_training.loop import Fitted, fitted
from harness.matcher_training.pairing import Pairing
from harness.matcher_training.settings import FitSettings
from harness.progress import Quiet

torch.set_num_threads(1)
VIEWS = shuffled(6, 3)
SETTINGS = FitSettings(pairs=48, batch_size=4, checks=3, lr=0.01, negatives=0.2)


class Shelf:
    """A checkpoint in memory; ``stop`` ends the training after so many saves, as a kill would."""

    def __init__(self, stop: int = 0) -> None:
        self.state: bytes | None = None
        self.saves, self.stop = 0, stop

    def load(self) -> bytes | None:
        return self.state

    def save(self, state: bytes) -> None:
        self.state, self.saves = state, self.saves + 1
        if self.saves == self.stop:
            raise KeyboardInterrupt


class Line(nn.Module):
    """Learns a projection that makes partners alike."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.project = nn.Linear(8, 8)

    def forward(
        self, left: Mapping[str, Tensor], right: Mapping[str, Tensor], partners: tuple[Tensor, Tensor]
    ) -> Tensor:
        a, b = (self.project(side["descriptors"].float()) for side in (left, right))
        scores = torch.log_softmax(a @ b.mT, 2)
        mine, _ = partners
        matched = scores.gather(2, mine.clamp(min=0)[..., None]).squeeze(-1)
        return -torch.where(mine >= 0, matched, 0.0).sum() / (mine >= 0).sum().clamp(min=1)


def train(shelf: Shelf, settings: FitSettings = SETTINGS, network: nn.Module | None = None) -> Fitted:
    seen: list[float] = []

    def check(tensors: Mapping[str, Tensor]) -> dict[str, float]:
        seen.append(float(sum(t.float().sum() for t in tensors.values())))
        return {"precision": 0.5, "recall": 0.25}

    pairing = Pairing(VIEWS, range(6))
    return fitted(network or Line(), VIEWS, pairing, check, settings, "cpu", shelf, Quiet())


def test_the_loss_goes_down_and_the_checks_are_noted() -> None:
    history = train(Shelf()).history
    assert [row["pairs"] for row in history] == [0, 16, 32, 48]
    assert history[-1]["loss"] < history[1]["loss"]
    assert all(row["recall"] == 0.25 for row in history)


def test_a_killed_training_goes_on_to_the_same_weights() -> None:
    whole, shelf = train(Shelf()), Shelf(stop=2)
    with pytest.raises(KeyboardInterrupt):
        train(shelf)
    again = train(shelf)
    for name, weights in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], weights)
    assert [row["loss"] for row in again.history[1:]] == [row["loss"] for row in whole.history[1:]]


def test_ctrl_c_keeps_the_last_whole_step() -> None:
    class Interrupted(Quiet):
        def advance(self, n: int = 1, note: str = "") -> None:
            self.left = getattr(self, "left", 6) - 1
            if not self.left:
                raise KeyboardInterrupt

    shelf, pairing, once = Shelf(), Pairing(VIEWS, range(6)), SETTINGS.model_copy(update={"checks": 1})
    with pytest.raises(KeyboardInterrupt):
        fitted(Line(), VIEWS, pairing, lambda _: {}, once, "cpu", shelf, Interrupted())
    assert shelf.state is not None
    again = fitted(Line(), VIEWS, pairing, lambda _: {}, once, "cpu", shelf, Quiet())
    whole = fitted(Line(), VIEWS, pairing, lambda _: {}, once, "cpu", Shelf(), Quiet())
    np.testing.assert_array_equal(again.weights["project.weight"], whole.weights["project.weight"])


def test_a_damaged_checkpoint_costs_its_work_and_no_more() -> None:
    shelf = Shelf()
    shelf.state = b"not a checkpoint"
    with pytest.warns(UserWarning, match="training starts anew"):
        found = train(shelf)
    np.testing.assert_array_equal(found.weights["project.weight"], train(Shelf()).weights["project.weight"])


def test_a_loss_that_is_not_finite_says_what_to_do() -> None:
    network = Line()
    with torch.no_grad():
        network.project.bias[0] = float("nan")
    with pytest.raises(CellFailed, match=r"step 0 .*\n?.*Lower fit.lr"):
        train(Shelf(), network=network)


def test_bfloat16_layers_learn_too() -> None:
    history = train(Shelf(), SETTINGS.model_copy(update={"precision": "bfloat16"})).history
    assert history[-1]["loss"] < history[1]["loss"]
