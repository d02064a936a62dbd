"""How long a unit of each stage has taken here, for the plan's time estimate."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from pathlib import Path

ROUGH = {
    "train": 0.05,
    "embed": 0.02,
    "retrieve": 2e-4,
    "describe": 0.02,
    "match": 0.003,
    "fuse": 1e-4,
    "decide": 1e-4,
    "score": 1e-3,
}
"""Seconds a unit (image, pair, query) on two cores with a small network, used until something has been measured."""


class Timings:
    """A log of (stage, units, seconds) in the store's folder; losing it loses nothing but estimates."""

    def __init__(self, root: Path) -> None:
        self.path = root / "timings.jsonl"

    def add(self, stage: str, units: int, seconds: float) -> None:
        """Note one measurement; one short line is written in a single call, so that processes do not mix lines."""
        with contextlib.suppress(OSError), self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps([stage, units, round(seconds, 4)]) + "\n")

    def each(self, stage: str) -> tuple[float, bool]:
        """(seconds a unit, whether that was measured here)."""
        sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for line in self.path.read_text("utf-8", "replace").splitlines() if self.path.is_file() else []:
            with contextlib.suppress(ValueError, TypeError):  # a line that a full disk has cut
                name, units, seconds = json.loads(line)
                sums[str(name)][0] += float(units)
                sums[str(name)][1] += float(seconds)
        units, seconds = sums[stage]
        return (seconds / units, True) if units else (ROUGH[stage], False)
