"""How long work is expected to take on this machine: by what was measured here, or by a guess."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from harness.cell import Cell
from harness.store import Key
from harness.timings import Rates

SAMPLED = ("train", "embed", "segment", "describe", "match")
"""Stages that :mod:`harness.calibrate` takes samples of."""
MEASURED, GUESSED = 1.25, 3.0
"""By what factor, either way, a time may be off that goes by measurements here, or by a guess."""

REST = Key("rest", {})
"""What a run does beside its stages: imports, rows to compare with, records."""


@dataclass
class Time:
    """Seconds by measurements on this machine, and seconds that are a guess."""

    measured: float = 0.0
    guessed: float = 0.0

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.measured + self.guessed

    @property
    def span(self) -> tuple[float, float]:
        """Seconds at best and at worst."""
        return self.measured / MEASURED + self.guessed / GUESSED, self.measured * MEASURED + self.guessed * GUESSED

    @property
    def rough(self) -> bool:
        """Whether more than a fifth is a guess."""
        return self.guessed > 0.2 * self.seconds

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        low, high = self.span
        guessed = round(self.guessed, 1)
        return {"seconds": round(self.seconds, 1), "low": round(low, 1), "high": round(high, 1), "guessed": guessed}


@dataclass(frozen=True)
class Guess:
    """A kind of work that was never measured here, and a cell that asks for it."""

    stage: str
    kind: str
    cell: Cell


class Expected:
    """Adds up the time of work.

    Attributes:
        times: of each stage.
        guesses: the kinds of work that were never measured here.
    """

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.times: defaultdict[str, Time] = defaultdict(Time)
        self.guesses: dict[tuple[str, str], Guess] = {}
        self._begun: set[tuple[str, str]] = set()

    def add(self, cell: Cell, key: Key, units: float) -> None:
        """So many units for a cell; what goes by once (imports, a network built) counts once a kind."""
        kind, rate = (key.stage, key.kind), self.rates.rate(key.stage, key.kind)
        seconds = units * rate.each + (0.0 if kind in self._begun else rate.once)
        self._begun.add(kind)
        if rate.measured:
            self.times[key.stage].measured += seconds
        else:
            self.times[key.stage].guessed += seconds
            self.guesses.setdefault(kind, Guess(*kind, cell))

    @property
    def time(self) -> Time:
        """Of all stages."""
        return Time(sum(t.measured for t in self.times.values()), sum(t.guessed for t in self.times.values()))

    @property
    def unmeasured(self) -> list[Guess]:
        """What a calibration would measure."""
        return [guess for guess in self.guesses.values() if guess.stage in SAMPLED]

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "seconds": round(self.time.seconds, 1),
            "seconds_are_rough": self.time.rough,
            "time": self.time.as_json(),
            "times": {stage: time.as_json() for stage, time in self.times.items()},
            "not_measured": [{"stage": guess.stage, "kind": guess.kind} for guess in self.guesses.values()],
        }
