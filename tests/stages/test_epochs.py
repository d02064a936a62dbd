"""The epochs of a training: how many are left, what is told and saved, and a checkpoint that does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import Memory, Quiet, TinyBackbone
from torch import nn

from harness.stages import epochs as stage
from harness.stages.epochs import fitted
from harness.stages.task import Task, TrainSettings
from harness.stages.team import Team

PIXELS = np.zeros((4, 16, 24, 3), np.uint8)


class Run:
    """Stands for a Fit: an epoch is a row, a state is how many there are."""

    made = 0

    def __init__(self, task: Task, team: Team) -> None:
        Run.made += 1
        self.given, self.history, self.seen = (task, team), list[dict[str, float]](), list[Any]()
        self.network, self.head = nn.Linear(1, 1), nn.Linear(2, 1)

    def epoch(self, *given: Any) -> None:
        self.seen.append(given)
        self.history.append({"epoch": len(self.history) + 1.0})

    def dump(self) -> bytes:
        return bytes([len(self.history)])

    def load(self, state: bytes) -> None:
        self.history = [{"epoch": float(epoch)} for epoch in range(1, state[0] + 1)]
        if state[0] > 9:
            raise ValueError("too many epochs")


class Watched(Team):
    """A team of one that keeps which module it checked."""

    checked: nn.Module

    def check(self, module: nn.Module) -> None:
        self.checked = module


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Every run that is started."""
    found: list[Run] = []
    monkeypatch.setattr(stage, "Fit", lambda task, team: found.append(Run(task, team)) or found[-1])
    return found


def task() -> Task:
    given: Any = TinyBackbone()
    return Task(given, given, "random", np.arange(4), 4, TrainSettings(epochs=3), 3)


@pytest.mark.parametrize("done", [0, 1, 3])
def test_the_epochs_that_are_left_are_trained_and_saved(done: int, runs: list[Run]) -> None:
    checkpoint, told, team = Memory(bytes([done]) if done else None), Quiet(), Watched("cpu")
    asked = task()
    trained = fitted(asked, team, PIXELS, None, checkpoint, told)
    (run,) = runs
    assert run.given == (asked, team)
    assert [row["epoch"] for row in trained.history] == [1, 2, 3]
    assert (checkpoint.saves, checkpoint.state) == (3 - done, bytes([3]))
    assert (told.total, told.done) == (12, 4 * done), "the others are told by the epochs"
    assert run.seen == [(PIXELS, None, told)] * (3 - done)
    assert team.checked is run.network
    assert trained.network["weight"].shape == (1, 1)
    assert trained.head["weight"].shape == (1, 2)


def test_a_checkpoint_that_does_not_fit_costs_its_epochs_and_says_why(runs: list[Run]) -> None:
    with pytest.warns(UserWarning, match="starts anew: too many epochs"):
        trained = fitted(task(), Watched("cpu"), PIXELS, None, Memory(bytes([12])), Quiet())
    assert len(runs) == 2
    assert [row["epoch"] for row in trained.history] == [1, 2, 3]


def test_images_are_taken_from_where_training_best_takes_them(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    on_card = torch.zeros(1)
    monkeypatch.setattr(stage, "settled", lambda pixels, device: on_card if device == "card" else pixels)
    fitted(task(), Watched("card"), PIXELS, None, Memory(), Quiet())
    assert all(given[0] is on_card for given in runs[0].seen)
