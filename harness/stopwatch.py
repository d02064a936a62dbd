"""Progress that is timed on its way: how long the pieces of work of each stage take, and what goes by between them."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Protocol

from harness.contracts import Progress


class StageProgress(Progress, Protocol):
    """Progress that also knows which stage is at work."""

    def stage(self, name: str) -> None:
        """Name the stage whose work comes next."""


@dataclass
class Piece:
    """A piece of work: units done, and their seconds."""

    units: int = 0
    seconds: float = 0.0


class Stopwatch:
    """Passes progress on and times it.

    Attributes:
        pieces: of each stage, in the order of their start.
        between: seconds of each stage before and between its pieces: imports, a network built.
    """

    def __init__(self, progress: StageProgress) -> None:
        self.progress = progress
        self.pieces: defaultdict[str, list[Piece]] = defaultdict(list)
        self.between: defaultdict[str, float] = defaultdict(float)
        self._stage, self._last = "", time.perf_counter()

    def stage(self, name: str) -> None:
        """Name the stage whose work comes next."""
        self._stage = name
        self._lap()
        self.progress.stage(name)

    def start(self, total: int, unit: str) -> None:
        """Begin a piece of work."""
        self.between[self._stage] += self._lap()
        self.pieces[self._stage].append(Piece())
        self.progress.start(total, unit)

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more units of the last piece are done."""
        piece = self.pieces[self._stage][-1]
        piece.units += n
        piece.seconds += self._lap()
        self.progress.advance(n, note)

    def _lap(self) -> float:
        last, self._last = self._last, time.perf_counter()
        return self._last - last
