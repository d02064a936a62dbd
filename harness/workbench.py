"""Fetch or compute: how a stage's result comes from the store, or is computed under its lock and put there."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from harness.collection import Collection
from harness.stopwatch import StageProgress, Stopwatch
from harness.store import FileCheckpoint, Key, Store, Value
from harness.timings import Timings

Rows = Iterator[tuple[list[str], Mapping[str, Any]]]
"""Finished chunks of a collection: ids and their arrays."""


PART_SECONDS = 2.0
"""Work that a killed run may lose of a collection; a part is written that often, at most."""

Chunk = TypeVar("Chunk")


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

    Attributes:
        busy: seconds that went into stages so far.
    """

    def __init__(self, store: Store, progress: StageProgress, finished: Callable[..., Any]) -> None:
        self.store, self.progress, self.finished = store, Stopwatch(progress), finished
        self.tally = Tally()
        self._told: dict[str, float] = {}
        self._asked: defaultdict[str, set[str]] = defaultdict(set)
        self.busy = 0.0
        self._begun: set[tuple[str, str]] = set()
        self.timings = Timings(store.root)
        self._collections: dict[str, Collection] = {}
        self._seconds_each: dict[str, float] = {}

    def begin(self) -> None:
        """A new cell: its tally starts empty."""
        self.tally, self._told, self._asked = Tally(), {}, defaultdict(set)

    def fetch(self, key: Key, compute: Callable[[FileCheckpoint], Value], units: float = 1) -> Value:
        """Read a value, or compute it under the key's lock and write it; a failure leaves nothing behind.

        Args:
            key: what decides the value.
            compute: makes the value; it may save unfinished state in the checkpoint that it gets.
            units: size of the work, see :mod:`harness.effort`, for later time estimates.
        """
        value, found = self.store.read(key), True
        if value is None:
            with self.store.lock(key):
                value = self.store.read(key)
                if value is None:
                    found, value = False, self._compute(key, compute, units)
        self.tell(key, value.seconds, found)
        return value

    def _compute(self, key: Key, compute: Callable[[FileCheckpoint], Value], units: float) -> Value:
        checkpoint = self.store.checkpoint(key)
        whole, before = not checkpoint.path.exists(), self.progress.between[key.stage]
        with self.own_time(key) as clock:
            computed = compute(checkpoint)
        value = Value(computed.arrays, computed.info, clock.seconds)
        self.store.write(key, value)
        checkpoint.remove()
        if whole:  # else a part of it was done, and timed, by a run that was interrupted
            self._note(key, units, value.seconds, self.progress.between[key.stage] - before)
        return value

    @contextlib.contextmanager
    def own_time(self, key: Key) -> Iterator[Clock]:
        """Measure a stage without the stages that it had computed for itself meanwhile."""
        clock, before, began = Clock(), self.busy, time.perf_counter()
        self.progress.stage(key.stage)
        yield clock
        elapsed = time.perf_counter() - began
        clock.seconds = max(elapsed - (self.busy - before), 0.0)
        self.busy = before + elapsed

    def fill(self, key: Key, ids: Sequence[str], compute: Callable[[list[str]], Rows]) -> Collection:
        """A collection that has all these ids: what is missing is computed in parts, under the key's lock."""
        collection = self._open(key)
        found = not collection.missing(ids)
        if not found:
            with self.store.lock(key), self.own_time(key):
                collection.refresh()
                collection.verify()
                missing = collection.missing(ids)
                if missing:
                    self._append(collection, compute(missing))
        asked = self._asked[key.digest]
        asked.update(ids)
        self.tell(key, collection.seconds_each() * len(asked), found)
        return collection

    def _open(self, key: Key) -> Collection:
        """The collection as it is now, its parts checked once by this process."""
        if key.digest not in self._collections:
            self._collections[key.digest] = Collection(self.store, key)
            self._collections[key.digest].verify()
        else:
            self._collections[key.digest].refresh()
        return self._collections[key.digest]

    def _append(self, collection: Collection, rows: Rows) -> None:
        before = self.progress.between[collection.key.stage]
        for parts, seconds in gathered(rows):
            names = [name for ids, _ in parts for name in ids]
            arrays = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
            collection.append(names, arrays, seconds)
            between = self.progress.between[collection.key.stage]
            self._note(collection.key, len(names), seconds, between - before)
            before = between

    def _note(self, key: Key, units: float, seconds: float, between: float) -> None:
        """Note how long work took.

        The first of a kind in a process imports and builds, ``between`` its pieces of work: that is noted apart. Where
        a stage tells of no pieces, its first work is not noted at all.
        """
        pieces = bool(self.progress.pieces[key.stage])
        kind = key.stage, key.kind if pieces else ""
        first = kind not in self._begun
        self._begun.add(kind)
        if pieces or not first:
            once = min(between, seconds) if first else 0.0
            self.timings.add(key.stage, units, seconds - once, key.kind, once)

    def seconds_each(self, key: Key) -> float:
        """What one row of a collection has cost on average, by its list of parts alone."""
        if key.digest not in self._seconds_each:
            self._seconds_each[key.digest] = Collection(self.store, key).seconds_each()
        return self._seconds_each[key.digest]

    def recall(self, key: Key, seconds: float) -> None:
        """Count a stage that was not asked for, because what follows from it was found with its cost."""
        if key.digest not in self._told:
            self.tell(key, seconds, True)

    def tell(self, key: Key, seconds: float, cached: bool) -> None:
        """Count what a stage has cost the cell so far, and whether it was found: a cell may ask for it bit by bit."""
        if key.digest not in self._told:
            self.finished(stage=key.stage, key=key.digest, seconds=seconds, cached=cached)
        more = seconds - self._told.get(key.digest, 0.0)
        if more > 0 or not cached or key.digest not in self._told:
            self.tally.add(key.stage, max(more, 0.0), cached)
            self._told[key.digest] = max(seconds, self._told.get(key.digest, 0.0))


def gathered(chunks: Iterator[Chunk]) -> Iterator[tuple[list[Chunk], float]]:
    """Chunks that were computed within :data:`PART_SECONDS`, together, and the seconds that they took.

    Where the next one fails, those that are finished still come before the failure does.
    """
    held: list[Chunk] = []
    began = time.perf_counter()
    try:
        for chunk in chunks:
            held.append(chunk)
            seconds = time.perf_counter() - began
            if seconds >= PART_SECONDS:
                yield held, seconds
                held, began = [], time.perf_counter()
    except GeneratorExit:
        raise
    except BaseException:
        if held:
            yield held, time.perf_counter() - began
        raise
    if held:
        yield held, time.perf_counter() - began
