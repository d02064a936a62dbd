"""Fetch or compute: how a stage's result comes from the store, or is computed under its lock and put there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.collection import Collection
from harness.contracts import Progress
from harness.store import FileCheckpoint, Key, Store, Value
from harness.timings import Timings

Rows = Iterator[tuple[list[str], Mapping[str, Any]]]
"""Finished chunks of a collection: ids and their arrays."""


class StageProgress(Progress, Protocol):
    """Progress that also knows which stage is at work."""

    def stage(self, name: str) -> None:
        """Name the stage whose work comes next."""


@dataclass
class Tally:
    """What the stages of a cell cost when they were computed, and whether they were found."""

    seconds: dict[str, float] = field(default_factory=dict)
    cached: dict[str, bool] = field(default_factory=dict)

    def add(self, stage: str, seconds: float, cached: bool) -> None:
        """A stage may be met twice in a cell (queries and validation): costs add up."""
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + seconds, 3)
        self.cached[stage] = self.cached.get(stage, True) and cached


@dataclass
class Clock:
    """Seconds of one stage, known when it has ended."""

    seconds: float = 0.0


class Workbench:
    """One process' access to the store.

    Args:
        store: where results are kept.
        progress: told of long work.
        finished: called with (stage, key, seconds, cached) when a stage has ended.
    """

    def __init__(self, store: Store, progress: StageProgress, finished: Callable[..., Any]) -> None:
        self.store, self.progress, self.finished = store, progress, finished
        self.tally = Tally()
        self._told: set[str] = set()
        self._inner = 0.0
        self._timings = Timings(store.root)
        self._collections: dict[str, Collection] = {}

    def begin(self) -> None:
        """A new cell: its tally starts empty."""
        self.tally, self._told = Tally(), set()

    def fetch(self, key: Key, compute: Callable[[FileCheckpoint], Value], units: int = 1) -> Value:
        """Read a value, or compute it under the key's lock and write it; a failure leaves nothing behind.

        Args:
            key: what decides the value.
            compute: makes the value; it may save unfinished state in the checkpoint that it gets.
            units: size of the work (images, queries), for later time estimates.
        """
        value, found = self.store.read(key), True
        if value is None:
            with self.store.lock(key):
                value = self.store.read(key)
                if value is None:
                    found, value = False, self._compute(key, compute, units)
        self._tell(key, value.seconds, found)
        return value

    def _compute(self, key: Key, compute: Callable[[FileCheckpoint], Value], units: int) -> Value:
        checkpoint = self.store.checkpoint(key)
        with self._own_time(key) as clock:
            computed = compute(checkpoint)
        value = Value(computed.arrays, computed.info, clock.seconds)
        self.store.write(key, value)
        checkpoint.remove()
        self._timings.add(key.stage, units, value.seconds)
        return value

    @contextlib.contextmanager
    def _own_time(self, key: Key) -> Iterator[Clock]:
        """Measure a stage without the stages that it had computed for itself meanwhile."""
        clock, before, began = Clock(), self._inner, time.perf_counter()
        self.progress.stage(key.stage)
        yield clock
        elapsed = time.perf_counter() - began
        clock.seconds = max(elapsed - (self._inner - before), 0.0)
        self._inner = before + elapsed

    def fill(self, key: Key, ids: Sequence[str], compute: Callable[[list[str]], Rows]) -> Collection:
        """A collection that has all these ids: what is missing is computed in parts, under the key's lock."""
        collection = self._open(key)
        found = not collection.missing(ids)
        if not found:
            with self.store.lock(key), self._own_time(key):
                collection.refresh()
                collection.verify()
                missing = collection.missing(ids)
                if missing:
                    self._append(collection, compute(missing))
        self._tell(key, collection.seconds_each() * len(set(ids)), found)
        return collection

    def _open(self, key: Key) -> Collection:
        """The collection, its parts checked once by this process."""
        if key.digest not in self._collections:
            self._collections[key.digest] = Collection(self.store, key)
            self._collections[key.digest].verify()
        return self._collections[key.digest]

    def _append(self, collection: Collection, rows: Rows) -> None:
        began = time.perf_counter()
        for names, arrays in rows:
            seconds = time.perf_counter() - began
            collection.append(names, arrays, seconds)
            self._timings.add(collection.key.stage, len(names), seconds)
            began = time.perf_counter()

    def recall(self, key: Key, seconds: float) -> None:
        """Count a stage that was not asked for, because what follows from it was found with its cost."""
        if key.digest not in self._told:
            self._tell(key, seconds, True)

    def _tell(self, key: Key, seconds: float, cached: bool) -> None:
        """Count a stage once a cell: what it cost, and whether its first mention found it."""
        if key.digest not in self._told:
            self._told.add(key.digest)
            self.tally.add(key.stage, seconds, cached)
            self.finished(stage=key.stage, key=key.digest, seconds=seconds, cached=cached)
        elif not cached:
            self.tally.cached[key.stage] = False
