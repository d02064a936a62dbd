"""The plan of a grid: cells, distinct stages, what the store already has, pairs to match, bytes and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.cell import Cell
from harness.collection import Collection
from harness.grid import Grid
from harness.keys import PARTS, Keys, Part
from harness.runner import impossible_on
from harness.specs import FeaturesSpec
from harness.store import Key, Store
from harness.timings import Timings

BYTES_A_PAIR = 140  # two digests in hex and three float32
STAGES = ("train", "embed", "retrieve", "describe", "match", "fuse", "decide", "score")


@dataclass
class Plan:
    """What running a grid would do. ``pairs`` and ``seconds`` are upper bounds until the rankings are known."""

    cells: list[Cell]
    skipped: list[tuple[Cell, str]]
    stages: dict[str, dict[str, int]] = field(default_factory=lambda: {s: {"total": 0, "cached": 0} for s in STAGES})
    pairs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    guessed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The plan for a script."""
        return {
            "cells": [cell.labels for cell in self.cells],
            "skipped": [{**cell.labels, "reason": reason} for cell, reason in self.skipped],
            "stages": self.stages,
            "pairs": self.pairs,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 1),
            "seconds_are_rough": self.guessed,
        }


@dataclass
class Demand:
    """Pairs that are wanted of one matcher: known to be missing, or bounded where a ranking is not there yet."""

    key: Key
    missing: set[str] = field(default_factory=set)
    unknown: int = 0
    rankings: set[str] = field(default_factory=set)


class Planner:
    """Works out a :class:`Plan` from keys alone; nothing is computed."""

    def __init__(self, grid: Grid, keys: Keys, store: Store) -> None:
        self.grid, self.keys, self.store = grid, keys, store
        self.timings = Timings(store.root)
        self._seen: set[str] = set()
        self._collections: dict[str, Collection] = {}

    def plan(self) -> Plan:
        """The plan."""
        reasons = [(cell, cell.skip or impossible_on(cell, self.keys.data)) for cell in self.grid.cells]
        out = Plan([c for c, reason in reasons if not reason], [(c, reason) for c, reason in reasons if reason])
        for cell in out.cells:
            for stage, key, units, size in self._work(cell):
                self._count(out, stage, key, units, size)
        for demand in self._demands(out.cells):
            self._match(out, demand)
        return out

    def _work(self, cell: Cell) -> Iterator[tuple[str, Key, int, int]]:
        """Value stages of a cell with their units of work and bytes."""
        n = {part: len(self.keys.asked[part]) for part in PARTS}
        size = self.keys.data.protocol.shortlist * 12
        train = self.keys.train(cell)
        if train:
            yield "train", train, len(self.keys.gallery["validation"]) * cell.train.epochs, 0
        yield "embed", self.keys.embed(cell), len(self.keys.data.table), 4 * cell.train.embedding
        for part in PARTS:
            yield "retrieve", self.keys.retrieve(cell, part), n[part], size * n[part]
            fuse = self.keys.fuse(cell, part)
            if fuse:
                yield "fuse", fuse, n[part], size * n[part]
            if cell.neighbours:
                images = len(self.keys.gallery[part])
                neighbours = self.keys.neighbours(cell, part, cell.neighbours)
                yield "retrieve", neighbours, images, 12 * cell.neighbours * images
        if cell.features:
            assert isinstance(cell.features.spec, FeaturesSpec)
            limit = getattr(cell.features.config, "max_keypoints", 512)
            yield (
                "describe",
                self.keys.describe(cell.features),
                len(self.keys.data.table),
                limit * (2 * cell.features.spec.dim + 20),
            )
        decide = self.keys.decide(cell)
        if decide:
            yield "decide", decide, n["query"], 16 * n["query"]
        yield "score", self.keys.score(cell), n["query"], 24 * n["query"]

    def _count(self, out: Plan, stage: str, key: Key, units: int, size: int) -> None:
        if key.digest in self._seen:
            return
        self._seen.add(key.digest)
        out.stages[stage]["total"] += 1
        if stage in ("embed", "describe"):
            missing = len(self._collection(key).missing(self.keys.data.table.digest.tolist()))
            units, size, cached = missing, missing * size, not missing
        else:
            cached = self.store.has(key)
        out.stages[stage]["cached"] += cached
        if not cached:
            out.bytes += size
            self._cost(out, stage, units)

    def _demands(self, cells: list[Cell]) -> list[Demand]:
        """What all cells together want of each matcher; a pair that two cells share counts once."""
        demands: dict[str, Demand] = {}
        for cell in cells:
            key = self.keys.match(cell)
            if key:
                demand = demands.setdefault(key.digest, Demand(key))
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
            demand.unknown += len(asked) * min(self.keys.data.protocol.shortlist, len(gallery))
            return
        order = value.arrays["order"]
        places = zip(np.nonzero(order >= 0)[0], order[order >= 0], strict=True)
        demand.missing.update(self._collection(demand.key).missing([asked[q] + gallery[g] for q, g in places]))

    def _match(self, out: Plan, demand: Demand) -> None:
        pairs = len(demand.missing) + demand.unknown
        out.stages["match"]["total"] += 1
        out.stages["match"]["cached"] += not pairs
        out.pairs += pairs
        out.bytes += pairs * BYTES_A_PAIR
        self._cost(out, "match", pairs)

    def _cost(self, out: Plan, stage: str, units: int) -> None:
        each, known = self.timings.each(stage)
        out.seconds += units * each
        out.guessed |= not known

    def _collection(self, key: Key) -> Collection:
        if key.digest not in self._collections:
            self._collections[key.digest] = Collection(self.store, key)
        return self._collections[key.digest]
