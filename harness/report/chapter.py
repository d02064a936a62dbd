"""A chapter of the report: one protocol with its rows, their tests, and what the store still has of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from harness import grid as grids
from harness.contracts import Progress
from harness.data import load
from harness.errors import HarnessError
from harness.leaderboard import queried, tables
from harness.leaderboard.differences import Differences, differences
from harness.leaderboard.tables import ranked, recipe
from harness.protocol import Data
from harness.record import RunRecord
from harness.registry import Registry
from harness.replay import Replay
from harness.results import Queries, Results, stem
from harness.store import Store
from harness.trace import Trace, find


@dataclass(frozen=True, eq=False)
class Chapter:
    """One protocol.

    Attributes:
        records: all rows, the best first. ``queries``: behind them; None where they were not kept.
        data: the rows of the data set with their roles; None where the store or the files are not there.
        lacking: why there is no ``data``, or an empty string.
        traces: cell -> what it has left in the store. ``results``: the folder that the rows come from.
    """

    records: Sequence[RunRecord]
    queries: Queries | None
    store: Store
    registry: Registry
    data: Data | None = None
    lacking: str = ""
    traces: Mapping[str, Trace] = field(default_factory=dict)
    results: Path = Path()

    @property
    def first(self) -> RunRecord:
        """Any row, for what all have in common."""
        return self.records[0]

    @property
    def folder(self) -> str:
        """Where its pages lie in the site; letters, digits, ``+`` and ``-``."""
        return stem(self.first)

    @cached_property
    def rankings(self) -> list[RunRecord]:
        """One row for each ranking, the best first; it stands for those that differ in their open-set rule only."""
        return ranked(self.records)

    @cached_property
    def tests(self) -> Differences:
        """Which differences are findings."""
        return differences(self.records, self.queries)

    def rules(self, ranking: RunRecord) -> list[RunRecord]:
        """The rows with an open-set rule on this ranking, the best mean of BAKS and BAUS first; none for chance and
        majority."""
        same = [r for r in self.records if r.status == "ok" and r.kind == "cell" and recipe(r) == recipe(ranking)]
        rules = [record for record in same if record.openset != "none" and "BAKS" in record.metrics]
        return sorted(rules, key=lambda rule: -(rule.metrics["BAKS-BAUS mean"].value or 0.0))

    def replay(self, record: RunRecord) -> Replay | None:
        """What the store has of a row; None where it is not there."""
        trace = self.traces.get(record.cell)
        if trace is None or self.data is None:
            return None
        try:
            (cell,) = grids.expand(trace.recipe, self.registry).cells
        except HarnessError:  # a plugin that is not installed here
            return None
        return Replay(self.store, self.data, cell, trace)


def chapters(results: Results, store: Store, registry: Registry, progress: Progress) -> list[Chapter]:
    """All protocols of a results folder, each with its data where that is still there.

    Raises:
        DataError: a results folder that cannot be read.
    """
    records = results.read()
    asked = queried(results, records)
    bare = [
        Chapter(rows, asked.get(first.protocol_hash), store, registry, results=results.root)
        for first, rows in tables(records)
    ]
    return [_with_data(chapter, progress) for chapter in bare]


def _with_data(chapter: Chapter, progress: Progress) -> Chapter:
    """With the data set and the traces, or the reason why not."""
    ran = [row for row in chapter.records if row.status == "ok" and row.kind == "cell"]
    traces = {row.cell: trace for row in ran if (trace := find(chapter.store, row))}
    if not traces:
        return replace(chapter, lacking="this store has nothing of these rows")
    try:
        data = _data(next(iter(traces.values())), chapter.store, chapter.registry, progress)
    except HarnessError as error:
        return replace(chapter, lacking=error.problem)
    if data.protocol_hash != chapter.first.protocol_hash:
        return replace(chapter, lacking="the data set has changed since these rows were run")
    return replace(chapter, data=data, traces=traces)


def _data(trace: Trace, store: Store, registry: Registry, progress: Progress) -> Data:
    grid = grids.expand(trace.recipe, registry)
    return load(grid.dataset, grid.protocol, store, progress)
