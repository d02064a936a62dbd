"""How long a unit of each kind of work has taken here, for the plan's time estimate."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

GUESS = {
    "train": 0.03,
    "embed": 0.01,
    "retrieve": 3e-8,
    "segment": 0.1,
    "describe": 0.03,
    "match": 0.001,
    "cascade": 1e-3,
    "fuse": 1e-4,
    "decide": 1e-4,
    "score": 1e-3,
    "rest": 4.0,
}
"""Seconds a unit on two cores with a small network, used until something has been measured. What a unit is says
:mod:`harness.effort`; ``rest`` is what a run does beside its stages."""

FADING = 0.8
"""What a measurement counts for beside the next one of its kind: machines change."""


class Rate(NamedTuple):
    """Seconds a unit (``each``), seconds once before the first (``once``), and whether this kind was measured here."""

    each: float
    once: float
    measured: bool


class Measured(NamedTuple):
    """Work that was timed: ``seconds`` of so many ``units``, and those that went by ``once`` before them."""

    units: float
    seconds: float
    once: float


class Timings:
    """A log of [stage, units, seconds, kind, once] in the store's folder; losing it loses nothing but estimates."""

    def __init__(self, root: Path) -> None:
        self.path = root / "timings.jsonl"

    def add(self, stage: str, units: float, seconds: float, kind: str = "", once: float = 0.0) -> None:
        """Note one measurement; one short line is written in a single call, so that processes do not mix lines."""
        line = json.dumps([stage, units, round(seconds, 4), kind, round(once, 4)])
        with contextlib.suppress(OSError), self.path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def rates(self) -> Rates:
        """What is known now."""
        return Rates(self._lines())

    def _lines(self) -> Iterator[tuple[str, str, Measured]]:
        """Stage, kind and measurement of each line, oldest first."""
        for line in self.path.read_text("utf-8", "replace").splitlines() if self.path.is_file() else []:
            # A line that a full disk has cut, or one of an older version (three items, in other units).
            with contextlib.suppress(ValueError, TypeError):
                stage, units, seconds, kind, once = json.loads(line)
                yield str(stage), str(kind), Measured(float(units), float(seconds), float(once))


class Rates:
    """The rate of every kind of work, from measurements in the order in which they were made."""

    def __init__(self, measured: Iterator[tuple[str, str, Measured]]) -> None:
        self._kinds: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
        self._stages: defaultdict[str, list[Measured]] = defaultdict(list)
        for stage, kind, one in measured:
            if one.units > 0 and one.seconds > 0:
                self._kinds[stage, kind].append(one)
                self._stages[stage].append(one)

    def rate(self, stage: str, kind: str) -> Rate:
        """Of this kind; where it was not measured, that of the stage's other kinds here, else a plain guess."""
        own = self._kinds.get((stage, kind), [])
        found = own or self._stages.get(stage, [])
        if not found:
            return Rate(GUESS[stage], 0.0, measured=False)
        each = _typical([one.seconds / one.units for one in found], [one.units**0.5 for one in found])
        started = [one.once for one in own if one.once > 0]
        once = _typical(started, [1.0] * len(started)) if started else 0.0
        return Rate(each, once, measured=bool(own))


def _typical(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted median, so that a single outlier decides nothing; the last values weigh most."""
    order = np.argsort(values)
    faded = np.asarray(weights) * FADING ** np.arange(len(weights))[::-1]
    share = np.cumsum(faded[order])
    return float(values[order[np.searchsorted(share, share[-1] / 2)]])
