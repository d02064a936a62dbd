"""What the parent of a training does for its processes: it relays, gathers, and tells which of them died."""

from __future__ import annotations

from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Memory, Quiet

from harness.errors import CellFailed
from harness.stages import launch
from harness.stages.launch import _served, check_devices


class Process:
    """A process that is over."""

    exitcode = None

    def join(self) -> None:
        self.exitcode = -9


def served(*sent: list[tuple[Any, ...]]) -> tuple[Any, Memory, Quiet]:
    """What comes of what each process sent before it closed its end."""
    pipes = [Pipe(duplex=False) for _ in sent]
    processes: Any = {receiver: Process() for receiver, _ in pipes}
    for (_, sender), messages in zip(pipes, sent, strict=True):
        for message in messages:
            sender.send(message)
        sender.close()
    checkpoint, progress = Memory(), Quiet()
    return _served(processes, checkpoint, progress), checkpoint, progress


def test_progress_and_checkpoints_are_passed_on_and_the_weights_are_those_of_the_first() -> None:
    first = [("start", 9, "image"), ("advance", 4, "epoch 1"), ("save", b"state"), ("done", "weights")]
    found, checkpoint, progress = served(first, [("done", None)])
    assert found == "weights"
    assert (checkpoint.state, checkpoint.saves) == (b"state", 1)
    assert (progress.total, progress.done, progress.notes) == (9, 4, ["epoch 1"])
    assert served([("done", "weights")], [("done", None)], [("done", None)])[0] == "weights"


def test_what_a_process_raised_is_raised_here() -> None:
    with pytest.raises(CellFailed, match="NaN"):
        served([("done", "weights")], [("failed", CellFailed("NaN"))])


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_died_is_named_with_its_exit_code_and_advice(rank: int) -> None:
    sent: list[list[tuple[Any, ...]]] = [[("done", "weights")], [("done", None)]]
    sent[rank] = []
    with pytest.raises(CellFailed, match=rf"training process {rank} died \(exit code -9\)") as caught:
        served(*sent)
    assert "memory" in caught.value.advice.lower()
    assert "__main__" in caught.value.advice


def test_as_many_devices_as_there_are_cards_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: asked.append(name) or True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_devices(2, "cuda:0")
    assert asked == ["lightning_fabric"]
    with pytest.raises(CellFailed, match="there are 2 cards") as caught:
        check_devices(3, "cuda")
    assert "CUDA_VISIBLE_DEVICES" in caught.value.advice
    check_devices(9, "cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    check_devices(1, "cuda")
    with pytest.raises(CellFailed, match="there are 0 cards"):
        check_devices(2, "cuda")
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    check_devices(1, "cuda")
    with pytest.raises(CellFailed, match=r"train\.devices is 2, which needs"):
        check_devices(2, "cpu")


def test_a_free_port_is_one_that_can_be_bound() -> None:
    ports = {launch._free_port() for _ in range(3)}
    assert all(1024 <= port < 65536 for port in ports)


def test_what_cannot_be_packed_is_named_with_its_reason(tmp_path: Path) -> None:
    unpacked: Any = lambda: np.zeros(1)  # noqa: E731
    with pytest.raises(CellFailed, match=r"another process \(.*lambda") as caught:
        launch._packed(unpacked)
    assert "top of its module" in caught.value.advice
