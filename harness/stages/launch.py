"""Training on several devices: a process for each, which this one watches, relays for, and ends."""

from __future__ import annotations

import importlib.util
import multiprocessing
import pickle
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from harness.contracts import Checkpoint, Progress
from harness.errors import CellFailed
from harness.stages.epochs import Trained
from harness.stages.member import Work, member


def check_devices(devices: int, device: str) -> None:
    """Raise CellFailed where this machine cannot train on so many devices."""
    if devices > 1 and importlib.util.find_spec("lightning_fabric") is None:
        raise CellFailed(
            f"train.devices is {devices}, which needs the package lightning-fabric, and it is not installed",
            "pip install 'reid-harness[gpu]', or set train.devices to 1.",
        )
    if devices > 1 and device.startswith("cuda"):
        import torch

        if torch.cuda.device_count() < devices:
            raise CellFailed(
                f"train.devices is {devices}, and there are {torch.cuda.device_count()} cards here",
                "Lower train.devices, or make more cards visible (CUDA_VISIBLE_DEVICES).",
            )


def train_together(work: Work, checkpoint: Checkpoint, progress: Progress) -> Trained:
    """Train in ``task.settings.devices`` processes, which are gone when this returns or raises.

    Raises:
        CellFailed: a process died, or cannot be handed its plugins; else what a process has raised.
    """
    with _processes(work) as processes:
        return _served(processes, checkpoint, progress)


@contextmanager
def _processes(work: Work) -> Iterator[dict[Connection, BaseProcess]]:
    """Running processes by the end of the pipe that they send through, rank 0 first."""
    # Spawned, since a process that has used a card cannot be forked.
    context, port, handed = multiprocessing.get_context("spawn"), _free_port(), _packed(work)
    processes: dict[Connection, BaseProcess] = {}
    try:
        for rank in range(work.task.settings.devices):
            receiver, sender = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=member, args=(rank, port, handed, sender), daemon=True)
            process.start()
            sender.close()  # so that the pipe ends with the process
            processes[receiver] = process
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
        for receiver, process in processes.items():
            process.join()
            process.close()
            receiver.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _packed(work: Work) -> bytes:
    try:
        return pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise CellFailed(
            f"the backbone or the loss cannot be handed to another process ({error})",
            "Define its classes at the top of its module, or set train.devices to 1.",
        ) from error


def _served(processes: dict[Connection, BaseProcess], checkpoint: Checkpoint, progress: Progress) -> Trained:
    """Do what the processes ask for until all are done; the result comes from rank 0."""
    ranks = {receiver: rank for rank, receiver in enumerate(processes)}
    results: dict[int, Trained] = {}
    asked: dict[str, Callable[..., None]] = {
        "start": progress.start,
        "advance": progress.advance,
        "save": checkpoint.save,
    }
    while ranks:
        for receiver in wait(list(ranks)):
            assert isinstance(receiver, Connection)
            try:
                what, *content = receiver.recv()
            except EOFError:
                raise _died(processes[receiver], ranks[receiver]) from None
            if what == "failed":
                raise content[0]
            if what == "done":
                results[ranks.pop(receiver)] = content[0]
            else:
                asked[what](*content)
    return results[0]


def _died(process: BaseProcess, rank: int) -> CellFailed:
    process.join()
    return CellFailed(
        f"training process {rank} died (exit code {process.exitcode})",
        "Look at what it printed. Memory may have run out: lower train.batch_size. A script of your own that trains "
        "needs `if __name__ == '__main__':`.",
    )
