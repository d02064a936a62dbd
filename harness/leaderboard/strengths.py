"""Backbones as they were trained, weak ones and strong ones, with the rows that re-rank each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.cell import NONE
from harness.leaderboard.differences import comparable
from harness.leaderboard.tables import ranked, training
from harness.metrics.ranking import within
from harness.record import RunRecord, unpack_hits
from harness.results import Queries

Arm = tuple[str, str]
"""Matcher and fusion."""
COARSE: Arm = (NONE, NONE)
Seeds = Mapping[int, RunRecord]


@dataclass(frozen=True)
class Strength:
    """A backbone as it was trained: ``epochs`` 0 is frozen, ``training`` has all settings that are not defaults."""

    backbone: str
    loss: str
    epochs: int
    training: str

    def __str__(self) -> str:
        return f"{self.backbone} / {self.loss} / epochs {self.epochs}"


Families = Mapping[Strength, Mapping[Arm, Seeds]]


@dataclass(frozen=True, eq=False)
class Pair:
    """An arm on a backbone, and that backbone alone: how often each query's first answer is right, averaged over the
    ``seeds`` that both have; float64 [q]."""

    strength: Strength
    arm: Arm
    right: NDArray[np.float64]
    coarse: NDArray[np.float64]
    seeds: int


def families(records: Iterable[RunRecord], queries: Queries) -> Families:
    """The rows that ran, by strength, arm and seed; those that differ in their open-set rule only are one."""
    out: dict[Strength, dict[Arm, dict[int, RunRecord]]] = {}
    for record in ranked(records):
        if comparable(record, queries):
            out.setdefault(_strength(record), {}).setdefault(_arm(record), {}).setdefault(record.seed, record)
    return out


def pairs(found: Families) -> list[Pair]:
    """Every arm on every backbone whose own ranking is there too."""
    return [pair for strength, arms in found.items() for pair in _pairs(strength, arms)]


def right(rows: Seeds, seeds: Iterable[int]) -> NDArray[np.float64]:
    """The share of these seeds with which the first answer to each query is right; float64 [q]."""
    hits = [within(unpack_hits(rows[seed].first_hits), 1) for seed in seeds]
    return np.asarray(np.mean(hits, axis=0), np.float64)


def missing(records: Iterable[RunRecord], found: Families, queries: Queries) -> list[str]:
    """What a reader would look for in vain, and why: rows that did not run, rows of other queries, and re-ranked rows
    without a ranking of their backbone alone."""
    lost = Counter(_lost(record, queries) for record in records if record.seed not in _there(record, found))
    told = [f"{name} ({count} row{'s' * (count > 1)}): {reason}" for (name, reason), count in lost.items()]
    return [*told, *(text for strength, arms in found.items() for text in _without_coarse(strength, arms))]


def _pairs(strength: Strength, arms: Mapping[Arm, Seeds]) -> Iterator[Pair]:
    alone = arms.get(COARSE, {})
    for arm, rows in arms.items():
        seeds = sorted(alone.keys() & rows.keys())
        if arm != COARSE and seeds:
            yield Pair(strength, arm, right(rows, seeds), right(alone, seeds), len(seeds))


def _there(record: RunRecord, found: Families) -> Seeds:
    return found.get(_strength(record), {}).get(_arm(record), {})


def _lost(record: RunRecord, queries: Queries) -> tuple[str, str]:
    """(what was lost, why)."""
    name = f"{_strength(record)} without re-ranking" if _arm(record) == COARSE else " + ".join(_arm(record))
    if record.status == "ok":
        return name, "answers to other queries than those that were kept; run it again"
    return name, f"{record.status}: {record.reason}"


def _without_coarse(strength: Strength, arms: Mapping[Arm, Seeds]) -> Iterator[str]:
    for seed in sorted({seed for rows in arms.values() for seed in rows} - arms.get(COARSE, {}).keys()):
        rows = sum(seed in rows for rows in arms.values())
        yield (
            f"{strength}, seed {seed}: there is no row without re-ranking, so that {rows} re-ranked "
            f"row{'s are' if rows > 1 else ' is'} left out; run it with matcher none"
        )


def _strength(record: RunRecord) -> Strength:
    epochs = int(record.train.get("epochs", 0)) if record.loss != NONE else 0
    return Strength(record.backbone, record.loss, epochs, training(record))


def _arm(record: RunRecord) -> Arm:
    return record.matcher, record.fusion
