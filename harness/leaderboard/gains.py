"""When does re-ranking help? The gain of each matcher and fusion against the backbone's own R-1, by species."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.leaderboard.strengths import COARSE, Arm, Families, Pair, Strength, families, missing, pairs, right
from harness.metrics.intervals import Estimate, mean
from harness.metrics.significance import ALPHA, Paired, compare, holm
from harness.metrics.trend import slope
from harness.record import RunRecord
from harness.results import Queries

Part = tuple[str, NDArray[np.bool_]]
"""A block's name and its queries, bool [q]."""


@dataclass(frozen=True)
class Gain:
    """What an arm adds to a backbone in R-1: ``test`` per known query, averaged over ``seeds``; ``p`` corrected for all
    comparisons of the table."""

    test: Paired
    p: float
    seeds: int

    @property
    def finding(self) -> int:
        """1: better, -1: worse, 0: no finding at 5 % for all comparisons of the table together."""
        return int(np.sign(self.test.difference.value or 0.0)) if self.p < ALPHA else 0


@dataclass(frozen=True)
class Row:
    """A backbone with its own R-1, without re-ranking, and what each arm adds to it; ``seen`` as in the record."""

    strength: Strength
    baseline: Estimate
    seeds: int
    seen: str
    gains: Mapping[Arm, Gain]


@dataclass(frozen=True)
class Block:
    """The rows of one species (or ``all``), the weakest backbone first, and the slope of each arm's gain against the
    backbone's R-1 where :func:`harness.metrics.trend.slope` gives one. ``few``: there are so few individuals that even
    the same gain on each of them would not pass the first step of Holm's correction."""

    name: str
    individuals: int
    few: bool
    rows: tuple[Row, ...]
    slopes: Mapping[Arm, Estimate]


@dataclass(frozen=True)
class Gains:
    """A protocol's table: its blocks, its arms in order, how many comparisons it makes, and what is missing and why."""

    blocks: tuple[Block, ...]
    arms: tuple[Arm, ...]
    comparisons: int
    missing: tuple[str, ...]


def gains(group: Iterable[RunRecord], queries: Queries | None) -> Gains:
    """The table of one protocol's records; without its queries it has no block and says so.

    R-1 is that of known queries, each counting alike. A gain is against the same backbone, loss, training and seed,
    with an interval from a bootstrap over identities. Findings: sign-flip test by identity, with Holm's correction for
    every comparison of the table, those of all its blocks.
    """
    records = [record for record in group if record.kind == "cell"]
    if queries is None:
        return Gains((), (), 0, ("the queries of this protocol were not kept: run a cell of it again",))
    found = families(records, queries)
    compared, told = pairs(found), missing(records, found, queries)
    if queries.species is None:
        told.append("by species: the species of the queries were not kept; run a cell of this protocol again")
    parts = list(_parts(queries)) if compared else []
    tested = iter(_tested(compared, parts, queries))
    count = len(compared) * len(parts)
    blocks = [_block(part, [(pair, next(tested)) for pair in compared], found, queries, count) for part in parts]
    arms = tuple(sorted({pair.arm for pair in compared}))
    return Gains(tuple(blocks), arms, count, tuple(told))


def _parts(queries: Queries) -> Iterator[Part]:
    """All known queries, and those of each species where there are several, named with its data set where there are
    several."""
    yield "all", queries.known
    if queries.dataset is None or queries.species is None:
        return
    each = zip(queries.dataset[queries.known].tolist(), queries.species[queries.known].tolist(), strict=True)
    groups = sorted(set(each))
    several = len({dataset for dataset, _ in groups}) > 1
    for dataset, species in groups if len(groups) > 1 else ():
        rows = queries.known & (queries.dataset == dataset) & (queries.species == species)
        name = species or "species not given"
        yield f"{dataset}: {name}" if several else name, rows


def _tested(compared: Sequence[Pair], parts: Sequence[Part], queries: Queries) -> list[Gain]:
    """Every pair in every part, part by part."""
    each = [(pair, rows) for _, rows in parts for pair in compared]
    tests = [_test(pair, rows, queries.identity, len(each)) for pair, rows in each]
    corrected = holm([test.p_identity for test in tests])
    return [Gain(test, p, pair.seeds) for (pair, _), test, p in zip(each, tests, corrected, strict=True)]


def _test(pair: Pair, rows: NDArray[np.bool_], identity: NDArray[np.str_], comparisons: int) -> Paired:
    if not rows.any():  # every query is of a new individual
        return Paired(Estimate(None, 0), 0, 0, 1.0, 1.0)
    return compare(pair.right[rows], pair.coarse[rows], identity[rows], comparisons)


def _block(part: Part, found: Sequence[tuple[Pair, Gain]], of: Families, queries: Queries, comparisons: int) -> Block:
    name, chosen = part
    identity = queries.identity[chosen]
    individuals = len(np.unique(identity))
    few = comparisons * 2.0 ** (1 - individuals) >= ALPHA  # all of one sign: one of two among 2^n patterns
    rows = []
    for strength in dict.fromkeys(pair.strength for pair, _ in found):
        alone = of[strength][COARSE]
        own = {pair.arm: gain for pair, gain in found if pair.strength == strength}
        seen = next(iter(alone.values())).contamination
        rows.append(Row(strength, mean(right(alone, alone)[chosen], identity), len(alone), seen, own))
    rows.sort(key=lambda row: (row.baseline.value or 0.0, row.strength.epochs))
    return Block(name, individuals, few, tuple(rows), _slopes([pair for pair, _ in found], chosen, identity))


def _slopes(compared: Sequence[Pair], chosen: NDArray[np.bool_], identity: NDArray[np.str_]) -> dict[Arm, Estimate]:
    out = {}
    for arm in dict.fromkeys(pair.arm for pair in compared):
        level = np.stack([pair.coarse[chosen] for pair in compared if pair.arm == arm])
        after = np.stack([pair.right[chosen] for pair in compared if pair.arm == arm])
        if line := slope(level, after - level, identity):
            out[arm] = line
    return out
