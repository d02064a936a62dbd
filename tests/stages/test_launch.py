"""Training in several processes: the steps of one process on shares of a batch, and every fault comes up."""

from __future__ import annotations

import multiprocessing
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faulty import Deadly, Foreign
from team import Centres, Diverging
from tiny import Herd, Memory, Quiet, TinyBackbone

from harness.errors import CellFailed
from harness.stages import launch
from harness.stages.fit import Fit
from harness.stages.launch import check_devices, train_together
from harness.stages.loading import decode_all, normalise, to_unit
from harness.stages.member import Work
from harness.stages.task import Task, TrainSettings
from harness.stages.team import FabricTeam, Team
from harness.stages.train import Trained, Validation, train

LABELS = np.repeat(np.arange(4), 6)[:23]
SETTINGS = TrainSettings(epochs=3, batch_size=9, embedding=8, lr=5e-3, augment=0, devices=2)
QUERIES = np.arange(4)
fabric = pytest.mark.skipif(
    launch.importlib.util.find_spec("lightning_fabric") is None,
    reason="training on several devices needs pip install lightning-fabric",
)


def together(**given: Any) -> Trained:
    arguments: dict[str, Any] = {
        "backbone": TinyBackbone(),
        "loss": Centres(),
        "sampler": "random",
        "images": Herd(LABELS),
        "labels": LABELS,
        "classes": 4,
        "validation": Validation(Herd(QUERIES, seed=5), QUERIES, Herd(LABELS), LABELS),
        "settings": SETTINGS,
        "seed": 3,
        "device": "cpu",
        "checkpoint": Memory(),
        "progress": Quiet(),
    }
    return train(**{**arguments, **given})


def by_hand() -> tuple[Fit, list[float]]:
    """One process that takes the two shares of each batch in turn and adds up their gradients."""
    task = Task(TinyBackbone(), Centres(), "random", LABELS, 4, SETTINGS, 3)
    run, means = Fit(task, Team("cpu")), []
    pixels = torch.from_numpy(decode_all(Herd(LABELS), TinyBackbone.preprocess, Quiet()))
    for epoch in range(1, 4):
        run.network.train()
        total = 0.0
        for rows in task.batches(epoch):
            run.optimiser.zero_grad()
            second = deepcopy(run.network)  # batch norm is the first process' own; the second's counts are forgotten
            for network, share in zip((run.network, second), np.array_split(rows, 2), strict=True):
                batch = normalise(to_unit(pixels[share]), TinyBackbone.preprocess)
                loss = run.head(network(batch), torch.from_numpy(LABELS[share])) * (len(share) / len(rows))
                loss.backward()
                total += float(loss.detach()) * len(rows)
            for weight, other in zip(run.network.parameters(), second.parameters(), strict=True):
                weight.grad = weight.grad + other.grad
            run.optimiser.step()
            run.schedule.step()
        means.append(total / len(LABELS))
    return run, means


class Interrupted(Quiet):
    """Ctrl-C in the second epoch."""

    def advance(self, n: int = 1, note: str = "") -> None:
        super().advance(n, note)
        if note.startswith("epoch 2"):
            raise KeyboardInterrupt


@fabric
@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_even_when_they_were_interrupted() -> None:
    checkpoint, progress = Memory(), Quiet()
    with pytest.raises(KeyboardInterrupt):
        together(checkpoint=checkpoint, progress=Interrupted())
    assert multiprocessing.active_children() == []
    assert checkpoint.saves == 1
    trained = together(checkpoint=checkpoint, progress=progress)
    assert multiprocessing.active_children() == []
    expected, means = by_hand()
    for arrays, module in ((trained.network, expected.network), (trained.head, expected.head)):
        state = module.state_dict()
        assert arrays.keys() == state.keys()
        assert all(np.allclose(arrays[name], state[name].numpy(), atol=1e-4) for name in arrays)
    assert [row["loss"] for row in trained.history] == pytest.approx(means, abs=1e-5)
    assert all(0 <= row["validation_r1"] <= 1 for row in trained.history)
    assert (checkpoint.saves, progress.done, progress.total) == (3, 3 * len(LABELS), 3 * len(LABELS))
    alone = Fit(Task(TinyBackbone(), Centres(), "random", LABELS, 4, SETTINGS, 3), Team("cpu"))
    assert checkpoint.state is not None
    alone.load(checkpoint.state)
    assert alone.history == list(trained.history)


@fabric
@pytest.mark.slow
def test_a_fault_in_one_process_ends_the_other_and_comes_up() -> None:
    with pytest.raises(CellFailed, match=r"not finite \(nan\) in epoch 1, step 3 of 3") as caught:
        together(loss=Diverging())
    assert "train.lr" in caught.value.advice
    assert "Traceback" in caught.value.__notes__[0]
    assert multiprocessing.active_children() == []


def work(tmp_path: Path, plugin: Any) -> Work:
    task = Task(plugin, plugin, "random", LABELS, 4, SETTINGS, 3)
    return Work(task, tmp_path / "pixels", None, "cpu", None)


@fabric
@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        (Deadly(), r"training process [01] died \(exit code 7\)"),
        (Foreign(), "ValueError: invalid literal.*'no number'"),
    ],
    ids=["dies", "cannot be made"],
)
def test_a_process_that_cannot_start_is_told(plugin: Any, problem: str, tmp_path: Path) -> None:
    with pytest.raises(CellFailed, match=problem):
        train_together(work(tmp_path, plugin), Memory(), Quiet())
    assert multiprocessing.active_children() == []


@fabric
def test_plugins_that_cannot_be_handed_over_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CellFailed, match="cannot be handed to another process") as caught:
        train_together(work(tmp_path, lambda: None), Memory(), Quiet())
    assert "train.devices" in caught.value.advice


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    check_devices(1, "cpu")
    with pytest.raises(CellFailed, match="lightning-fabric") as caught:
        together()
    assert "pip install" in caught.value.advice


def test_more_devices_than_cards_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_devices(2, "cuda")
    with pytest.raises(CellFailed, match=r"train\.devices is 3, and there are 2 cards"):
        check_devices(3, "cuda")


def test_a_batch_too_small_for_its_devices_is_refused_before_anything_is_decoded() -> None:
    images = Herd(LABELS)
    with pytest.raises(CellFailed, match="a batch of 7 images cannot be shared by 4 devices"):
        together(images=images, settings=SETTINGS.model_copy(update={"devices": 4}))
    assert not images.read.any()


class Fabric:
    """Stands for Lightning Fabric in the second of two processes."""

    device, global_rank, world_size = torch.device("cpu"), 1, 2

    def __init__(self, drift: float) -> None:
        self.drift = drift

    def broadcast(self, own: torch.Tensor) -> torch.Tensor:
        return own + self.drift


def test_weights_that_drift_apart_are_found_out() -> None:
    network = TinyBackbone().module()
    FabricTeam(Fabric(0.0)).check(network)
    with pytest.raises(CellFailed, match="training process 1 have drifted"):
        FabricTeam(Fabric(1e-6)).check(network)


def test_shares_make_up_the_batch() -> None:
    first = Fabric(0)
    first.global_rank = 0
    rows = np.arange(9)[::-1]
    parts = [FabricTeam(fabric).share(rows) for fabric in (first, Fabric(0))]
    assert np.array_equal(np.concatenate(parts), rows)
    assert sorted(map(len, parts)) == [4, 5]
    assert Team("cpu").share(rows) is rows
