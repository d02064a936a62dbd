"""The plan of a grid: cells, distinct stages, what the store already has, pairs to match, bytes and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import Cell
from harness.collection import Collection
from harness.effort import Effort
from harness.expected import REST, Expected
from harness.grid import Grid
from harness.keys import PARTS, Keys, Part
from harness.pairs import Pairs
from harness.runner import impossible_on
from harness.specs import FeaturesSpec, MatcherSpec
from harness.stages.segment import SIDE
from harness.store import Key, Store
from harness.timings import Timings

BYTES_A_PAIR = 24  # two places, three float32, and a share of the images' digests
SQUEEZED = SIDE * SIDE // 8  # bytes of a mask
STAGES = ("train", "embed", "retrieve", "segment", "describe", "match", "cascade", "fuse", "decide", "score")


@dataclass
class Plan:
    """What running a grid would do. ``pairs`` and ``bytes`` are an upper bound until the rankings are known."""

    cells: list[Cell]
    skipped: list[tuple[Cell, str]]
    expected: Expected
    stages: dict[str, dict[str, int]] = field(default_factory=lambda: {s: {"total": 0, "cached": 0} for s in STAGES})
    pairs: int = 0
    bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """The plan for a script."""
        return {
            "cells": [cell.labels for cell in self.cells],
            "skipped": [{**cell.labels, "reason": reason} for cell, reason in self.skipped],
            "stages": self.stages,
            "pairs": self.pairs,
            "bytes": self.bytes,
            **self.expected.as_json(),
        }


@dataclass
class Demand:
    """Pairs that are wanted of one matcher: ``codes`` where the ranking is known, ``unknown`` rankings elsewhere."""

    cell: Cell
    known: Pairs
    codes: list[NDArray[np.int64]] = field(default_factory=list)
    unknown: Counter[Part] = field(default_factory=Counter)
    rankings: set[str] = field(default_factory=set)

    def pairs(self, effort: Effort) -> tuple[float, int]:
        """How many are to be matched: (likely, at most)."""
        missing = len(self.known.missing(np.concatenate(self.codes))) if self.codes else 0
        bounds = [effort.pairs(part, rankings) for part, rankings in self.unknown.items()]
        return missing + sum(likely for likely, _ in bounds), missing + sum(most for _, most in bounds)


class Planner:
    """Works out a :class:`Plan` from keys alone; nothing is computed."""

    def __init__(self, grid: Grid, keys: Keys, store: Store) -> None:
        self.grid, self.keys, self.store = grid, keys, store
        self.expected, self.effort = Expected(Timings(store.root).rates()), Effort(keys)
        self._seen: set[str] = set()
        self._collections: dict[str, Collection] = {}

    def plan(self) -> Plan:
        """The plan."""
        reasons = [(cell, cell.skip or impossible_on(cell, self.keys.data)) for cell in self.grid.cells]
        able = [cell for cell, reason in reasons if not reason]
        out = Plan(able, [(cell, reason) for cell, reason in reasons if reason], self.expected)
        for cell in out.cells:
            for key, units, size in self._work(cell):
                self._count(out, cell, key, units, size)
        self._match(out)
        if out.cells:
            self.expected.add(out.cells[0], REST, 1)
        return out

    def _work(self, cell: Cell) -> Iterator[tuple[Key, float, int]]:
        """Stages of a cell, but match, with their units of work and bytes."""
        n = {part: len(self.keys.asked[part]) for part in PARTS}
        size = self.keys.data.protocol.shortlist * 12
        train = self.keys.train(cell)
        if train:
            yield train, self.effort.train(cell), 0
        yield self.keys.embed(cell), len(self.keys.data.table), 4 * cell.train.embedding
        for part in PARTS:
            yield self.keys.retrieve(cell, part), self.effort.retrieve(part), size * n[part]
            fuse = self.keys.fuse(cell, part)
            if fuse:
                yield fuse, n[part], size * n[part]
            if cell.neighbours:
                neighbours = self.keys.neighbours(cell, part, cell.neighbours)
                images = len(self.keys.gallery[part])
                yield neighbours, self.effort.neighbours(part), 12 * cell.neighbours * images
        if cell.segmenter:  # before the features: a sample of these finds its masks in the store
            yield self.keys.segment(cell.segmenter), len(self.keys.data.table), SQUEEZED
        if cell.features:
            assert isinstance(cell.features.spec, FeaturesSpec)
            limit = getattr(cell.features.config, "max_keypoints", 512)
            size = limit * (2 * cell.features.spec.dim + 20)
            yield self.keys.describe(cell.features), len(self.keys.data.table), size
        cascade, decide = self.keys.cascade(cell), self.keys.decide(cell)
        if cascade:
            yield cascade, sum(n.values()), self.keys.data.protocol.shortlist * sum(n.values())
        if decide:
            yield decide, n["query"], 16 * n["query"]
        yield self.keys.score(cell), n["query"], 24 * n["query"]

    def _count(self, out: Plan, cell: Cell, key: Key, units: float, size: int) -> None:
        if key.digest in self._seen:
            return
        self._seen.add(key.digest)
        out.stages[key.stage]["total"] += 1
        if key.stage in ("embed", "segment", "describe"):
            missing = len(self._collection(key).missing(self.keys.data.table.digest.tolist()))
            units, size, cached = missing, missing * size, not missing
        else:
            cached = self.store.has(key)
        out.stages[key.stage]["cached"] += cached
        if not cached:
            out.bytes += size
            self.expected.add(cell, key, units)

    def _demands(self, cells: list[Cell]) -> list[Demand]:
        """What the unfinished cells together want of each matcher; a pair that two cells share counts once."""
        demands: dict[str, Demand] = {}
        for cell in cells:
            key = self.keys.match(cell)
            if key and not self.store.has(self.keys.score(cell)):
                if key.digest not in demands:
                    demands[key.digest] = Demand(cell, self._pairs(cell, key))
                demand = demands[key.digest]
                for part in PARTS:
                    self._add_shortlists(demand, cell, part)
        return list(demands.values())

    def _add_shortlists(self, demand: Demand, cell: Cell, part: Part) -> None:
        ranking = self.keys.retrieve(cell, part)
        if ranking.digest in demand.rankings:
            return
        demand.rankings.add(ranking.digest)
        asked, gallery = self.keys.asked[part].digest, self.keys.gallery[part].digest
        value = self.store.read(ranking) if self.store.has(ranking) else None
        if value is None:
            demand.unknown[part] += 1
            return
        order, numbers = value.arrays["order"], demand.known.numbers
        queries = np.nonzero(order >= 0)[0]
        demand.codes.append(demand.known.codes(numbers(asked)[queries], numbers(gallery)[order[order >= 0]]))

    def _pairs(self, cell: Cell, key: Key) -> Pairs:
        assert cell.matcher is not None
        assert isinstance(cell.matcher.spec, MatcherSpec)
        return Pairs(self.store, key, self.keys.data.table.digest, cell.matcher.spec.symmetric(cell.matcher.config))

    def _match(self, out: Plan) -> None:
        matchers = {key.digest for key in map(self.keys.match, out.cells) if key}
        out.stages["match"].update(total=len(matchers), cached=len(matchers))
        for demand in self._demands(out.cells):
            likely, most = demand.pairs(self.effort)
            out.pairs += most
            out.bytes += most * BYTES_A_PAIR
            if most:
                out.stages["match"]["cached"] -= 1
                self.expected.add(demand.cell, demand.known.key, likely)

    def _collection(self, key: Key) -> Collection:
        if key.digest not in self._collections:
            self._collections[key.digest] = Collection(self.store, key)
        return self._collections[key.digest]
