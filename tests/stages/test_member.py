"""One process of a training on several devices, seen from inside: what it reads, what it sends, and how it fails."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import TinyBackbone

from harness.errors import CellFailed, DataError
from harness.stages import member as stage
from harness.stages.member import Work, _mapped, _portable, _Relay, member
from harness.stages.task import Task, TrainSettings
from harness.stages.validate import Decoded


class Sender:
    """The end of a pipe that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    def send(self, what: tuple[Any, ...]) -> None:
        self.sent.append(what)


FOLLOWED = Decoded(
    np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1, int), np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1, int)
)


def work(file: Path) -> Work:
    given: Any = TinyBackbone()
    task = Task(given, given, "random", np.arange(4), 4, TrainSettings(devices=2), 3)
    return Work(task, file, FOLLOWED, "cpu", b"state")


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A process that would not end with its parent, which it has not got, and that gets its handlers back."""
    began, over = threading.Event(), threading.Event()
    monkeypatch.setattr(stage, "_leave_with_parent", lambda: (began.set(), over.wait(30)))
    monkeypatch.setattr(stage, "_team", lambda rank, port, work: (rank, port, work.device))
    monkeypatch.setenv("TORCH_CPP_LOG_LEVEL", "")
    monkeypatch.delenv("TORCH_CPP_LOG_LEVEL")
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
    yield began
    signal.signal(signal.SIGINT, before)
    over.set()


def test_the_first_process_sends_what_it_is_told_and_the_others_keep_quiet() -> None:
    sender: Any = Sender()
    for relay in (_Relay(sender, b"state"), _Relay(None, b"state")):
        assert relay.load() == b"state"
        relay.start(9, "image")
        relay.advance()
        relay.advance(3, "epoch 1")
        relay.save(b"next")
    assert sender.sent == [("start", 9, "image"), ("advance", 1, ""), ("advance", 3, "epoch 1"), ("save", b"next")]


def test_images_are_mapped_from_the_file_and_writing_stays_in_memory(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3)).astype(np.uint8)
    (tmp_path / "pixels").write_bytes(pixels.tobytes())
    mapped = _mapped(work(tmp_path / "pixels"))
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, pixels)
    mapped[:] = 0
    mapped.flush()
    assert (tmp_path / "pixels").read_bytes() == pixels.tobytes()


def test_an_error_travels_as_itself_or_as_what_it_was_with_its_traceback() -> None:
    for error, kind, told in (
        (DataError("photo.jpg cannot be read"), DataError, "photo.jpg cannot be read"),
        (ValueError("odd"), CellFailed, "training process 1: ValueError: odd"),
    ):
        try:
            raise error
        except Exception as raised:
            kept = pickle.loads(pickle.dumps(_portable(raised, 1)))
        assert type(kept) is kind
        assert kept.problem == told
        assert "Traceback" in kept.__notes__[0]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_trains_on_what_it_was_handed_and_only_the_first_gives_the_weights(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watching: threading.Event
) -> None:
    (tmp_path / "pixels").write_bytes(bytes(4 * 16 * 24 * 3))
    seen: list[Any] = []

    def trained(*given: Any) -> str:
        seen.extend(given)
        given[4].save(b"next")
        return "weights"

    monkeypatch.setattr(stage, "fitted", trained)
    sender: Any = Sender()
    before = set(threading.enumerate())
    member(rank, 77, pickle.dumps(work(tmp_path / "pixels")), sender)
    assert sender.sent == ([("save", b"next"), ("done", "weights")] if rank == 0 else [("done", None)])
    task, team, pixels, followed, checkpoint, progress = seen
    assert task.labels.tolist() == [0, 1, 2, 3]
    assert team == (rank, 77, "cpu")
    assert pixels.shape == (4, 16, 24, 3)
    assert isinstance(followed, Decoded)
    assert checkpoint is progress
    assert checkpoint.load() == b"state"
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN, "the parent ends its processes"
    assert watching.wait(10), "a thread looks after the parent"
    assert {thread.daemon for thread in set(threading.enumerate()) - before} == {True}
    assert os.environ["TORCH_CPP_LOG_LEVEL"] == "ERROR"


def test_a_failure_is_sent_and_its_process_waits_to_be_ended(
    monkeypatch: pytest.MonkeyPatch, watching: threading.Event
) -> None:
    waited: list[bool] = []
    monkeypatch.setattr(stage, "_wait_for_parent", lambda: waited.append(True))
    sender: Any = Sender()
    member(1, 77, b"nonsense", sender)
    ((what, error),) = sender.sent
    assert what == "failed"
    assert error.problem.startswith("training process 1: UnpicklingError: ")
    assert waited == [True]


class Parent:
    """A parent that ends at once."""

    joined = 0

    def join(self) -> None:
        self.joined += 1


def test_a_process_leaves_when_its_parent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    parent = Parent()
    monkeypatch.setattr(stage.os, "_exit", left.append)
    monkeypatch.setattr(stage.multiprocessing, "parent_process", lambda: parent)
    stage._leave_with_parent()
    assert (parent.joined, left) == (1, [1])
    monkeypatch.setattr(stage.multiprocessing, "parent_process", lambda: None)
    stage._wait_for_parent()


@pytest.mark.parametrize(
    ("device", "cores", "threads"),
    [("cpu", 9, [4]), ("cpu", 1, [1]), ("cuda:0", 8, [])],
    ids=["cpu", "one core", "card"],
)
def test_the_processes_share_the_cores_and_find_each_other(
    device: str, cores: int, threads: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabric = pytest.importorskip("lightning_fabric", reason="training on several devices needs lightning-fabric")
    given: dict[str, Any] = {}
    asked: list[int] = []

    class Fabric:
        device, global_rank, world_size, launched = torch.device("cpu"), 1, 2, False

        def __init__(self, **named: Any) -> None:
            given.update(named)

        def launch(self) -> None:
            self.launched = True

    monkeypatch.setattr(fabric, "Fabric", Fabric)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr(stage, "cores", lambda: cores)
    for name in PLACES:
        monkeypatch.setenv(name, "")
    logging.getLogger("lightning_fabric").setLevel(logging.NOTSET)
    made = stage._team(1, 4711, replace(work(tmp_path), device=device))
    assert {name: os.environ[name] for name in PLACES} == PLACES
    assert (asked, {type(count) for count in asked}) == (threads, {int} if threads else set())
    assert made.fabric.launched
    assert (given["accelerator"], given["devices"]) == (device.partition(":")[0], 2)
    assert type(given["strategy"]).__name__ == "DDPStrategy"
    assert given["strategy"]._ddp_kwargs == {"find_unused_parameters": True}
    assert [type(plugin).__name__ for plugin in given["plugins"]] == ["LightningEnvironment"]
    assert logging.getLogger("lightning_fabric").level == logging.WARNING


PLACES = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "4711", "NODE_RANK": "0", "LOCAL_RANK": "1"}
