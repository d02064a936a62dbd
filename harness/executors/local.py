"""Processes of this machine: one a GPU, or so many side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from harness.executors.base import Handles, Needs, Work

GRACE = 10.0
"""Seconds that a process has to end by itself before it is killed."""


class LocalSettings(Needs):
    """Settings of ``local``."""

    processes: int = Field(0, ge=0, description="processes side by side; 0 for one a GPU, or one for each cpus cores")


class Local:
    """Runs each work as a process of its own; more than there are places for wait here."""

    def __init__(self, settings: LocalSettings, cards: Sequence[str]) -> None:
        """``cards``: the GPUs, as CUDA_VISIBLE_DEVICES names them."""
        self._free_cards = list(cards)
        cores = len(os.sched_getaffinity(0))
        wanted = len(cards) // settings.gpus if cards and settings.gpus else cores // settings.cpus
        self.slots = settings.processes or max(wanted, 1)
        self._waiting: deque[Work] = deque()
        self._running: dict[str, tuple[subprocess.Popen[bytes], list[str]]] = {}

    def submit(self, works: Sequence[Work]) -> dict[str, str]:
        """Start what there is a place for; the handle of a work is its own name, as no other process can use it."""
        self._waiting.extend(works)
        self._start()
        return {work.name: work.name for work in works}

    def finished(self, handles: Handles) -> set[str]:
        """Those whose process has ended, or never was one of this executor's."""
        for name, (process, cards) in list(self._running.items()):
            if process.poll() is not None:
                del self._running[name]
                self._free_cards += cards
        self._start()
        there = {*self._running, *(work.name for work in self._waiting)}
        return set(handles) - there

    def states(self, handles: Handles) -> dict[str, str]:
        """Whether they run or wait for a place."""
        told = {work.name: "waits for a place" for work in self._waiting} | dict.fromkeys(self._running, "runs")
        return {name: words for name, words in told.items() if name in handles}

    def cancel(self, handles: Handles) -> None:
        """Ask the processes to end, and kill those that do not within :data:`GRACE` seconds."""
        self._waiting = deque(work for work in self._waiting if work.name not in handles)
        ending = [process for name, (process, _) in self._running.items() if name in handles]
        for process in ending:
            _signal(process, signal.SIGTERM)
        limit = time.monotonic() + GRACE
        for process in ending:
            try:
                process.wait(max(limit - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()

    def _start(self) -> None:
        while self._waiting and len(self._running) < self.slots:
            need = self._waiting[0].needs.gpus
            if need > len(self._free_cards):
                if self._running:
                    return  # until a card is free
                need = len(self._free_cards)  # more than there are: the work runs with what there is, and says so
            work, cards = self._waiting.popleft(), [self._free_cards.pop(0) for _ in range(need)]
            self._running[work.name] = _started(work, cards), cards


def cards() -> list[str]:
    """The GPUs of this machine that may be used; none where no driver answers."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name.strip()]
    return [str(number) for number, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]


def _started(work: Work, cards: Sequence[str]) -> subprocess.Popen[bytes]:
    env = {**os.environ, **work.env, "CUDA_VISIBLE_DEVICES": ",".join(cards)}
    with work.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (our own command)
            work.command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the process and its children; they have a group of their own, so a Ctrl-C at the terminal spares them."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
