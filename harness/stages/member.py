"""One process of a training on several devices: its part of the work, and what it sends to the one that started it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.device import cores
from harness.errors import CellFailed, HarnessError
from harness.stages.epochs import fitted
from harness.stages.task import Task
from harness.stages.team import FabricTeam
from harness.stages.validate import Decoded


@dataclass(frozen=True, eq=False)
class Work:
    """What each process is handed: the images lie in a file uint8 [n, H, W, 3], ``state`` is the last checkpoint."""

    task: Task
    file: Path
    followed: Decoded | None
    device: str
    state: bytes | None


class _Relay:
    """Progress and checkpoint of a process: rank 0 sends them to the parent, the others keep quiet."""

    def __init__(self, sender: Connection | None, state: bytes | None) -> None:
        self.sender, self.state = sender, state

    def load(self) -> bytes | None:
        return self.state

    def save(self, state: bytes) -> None:
        self._send("save", state)

    def start(self, total: int, unit: str) -> None:
        self._send("start", total, unit)

    def advance(self, n: int = 1, note: str = "") -> None:
        self._send("advance", n, note)

    def _send(self, what: str, *content: Any) -> None:
        if self.sender is not None:
            self.sender.send((what, *content))


def member(rank: int, port: int, handed: bytes, sender: Connection) -> None:
    """The life of one process. After a failure it waits to be ended: if it left, others would fail for its absence."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its processes
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # advice on speed, in the midst of a progress bar
    try:
        work: Work = pickle.loads(handed)  # noqa: S301 - bytes from the parent, not from a disk
        relay = _Relay(sender if rank == 0 else None, work.state)
        trained = fitted(work.task, _team(rank, port, work), _mapped(work), work.followed, relay, relay)
        sender.send(("done", trained if rank == 0 else None))
    except Exception as error:
        sender.send(("failed", _portable(error, rank)))
        _wait_for_parent()


def _team(rank: int, port: int, work: Work) -> FabricTeam:
    import torch
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    size, kind = work.task.settings.devices, work.device.partition(":")[0]
    if kind == "cpu":
        torch.set_num_threads(max(1, cores() // size))
    # With these Fabric takes part in the processes that are there, and starts none.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), NODE_RANK="0", LOCAL_RANK=str(rank))
    strategy = DDPStrategy(find_unused_parameters=True)  # some backbones carry weights that they do not use
    fabric = Fabric(accelerator=kind, devices=size, strategy=strategy, plugins=[LightningEnvironment()])
    fabric.launch()
    return FabricTeam(fabric)


def _mapped(work: Work) -> NDArray[np.uint8]:
    shape = (len(work.task.labels), *work.task.backbone.preprocess.size, 3)
    return np.memmap(work.file, dtype=np.uint8, mode="c", shape=shape)  # torch wants arrays that can be written


def _portable(error: Exception, rank: int) -> HarnessError:
    """An error that can be sent; its traceback goes with it as a note."""
    told = f"training process {rank}: {type(error).__name__}: {error}"
    kept = error if isinstance(error, HarnessError) else CellFailed(told)
    kept.add_note(traceback.format_exc())
    return kept


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()


def _leave_with_parent() -> None:
    """End as soon as the parent is gone: one that was killed cannot say goodbye."""
    _wait_for_parent()
    os._exit(1)
