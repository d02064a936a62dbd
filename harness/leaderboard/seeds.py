"""Several seeds of one recipe, as mean and spread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.leaderboard.tables import recipe
from harness.record import RunRecord


@dataclass(frozen=True)
class Spread:
    """A recipe with several seeds: one of its rows, and mean and deviation (n - 1) of each metric over seeds."""

    row: RunRecord
    seeds: int
    metrics: dict[str, tuple[float, float]]


def spreads(group: Iterable[RunRecord]) -> list[Spread]:
    """The recipes of a table that ran with at least two seeds, in order."""
    families: dict[tuple[str, ...], dict[int, RunRecord]] = {}
    for record in group:
        if record.status == "ok" and record.kind == "cell":
            name = (*recipe(record)[:-1], record.openset)
            families.setdefault(name, {})[record.seed] = record
    return [_spread(list(rows.values())) for rows in families.values() if len(rows) > 1]


def _spread(rows: list[RunRecord]) -> Spread:
    found = {}
    for name in rows[0].metrics:
        values = [m.value for r in rows if (m := r.metrics.get(name)) and m.value is not None]
        if len(values) == len(rows):
            found[name] = (float(np.mean(values)), float(np.std(values, ddof=1)))
    return Spread(rows[0], len(rows), found)
