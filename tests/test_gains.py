"""The gain of re-ranking against the backbone's own R-1, on records made by hand, against sums done another way."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rows import record

from harness.leaderboard.gains import Block, Gain, gains
from harness.record import RunRecord, pack_hits
from harness.results import Queries

ANIMALS, PHOTOS = 12, 4
N = ANIMALS * PHOTOS
ANIMAL = np.repeat(np.arange(ANIMALS), PHOTOS)
SPECIES = np.array(["cat", "horse"])[ANIMAL % 2]
QUERIES = Queries(
    np.array([f"q{i}" for i in range(N)]),
    np.array([f"a{i}" for i in ANIMAL]),
    ANIMAL < ANIMALS - 2,
    np.zeros(N, bool),
    np.full(N, "herd"),
    SPECIES,
)
SUM, REPLACE = ("sift", "sum"), ("sift", "replace")
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def hits(share: float, seed: int) -> NDArray[np.int64]:
    """First ranks [q]: 1 on about this share of the queries, else 0 or another rank."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(N) < share, 1, rng.integers(0, 3, N) * 2)


def row(ranks: NDArray[np.int64], epochs: int = 0, arm: tuple[str, str] = ("none", "none"), **fields: Any) -> RunRecord:
    """A row that ran: frozen for 0 epochs."""
    train = {"loss": "arcface", "train": {"epochs": epochs}} if epochs else {"loss": "none"}
    given = {**train, "matcher": arm[0], "fusion": arm[1], "first_hits": pack_hits(ranks), **fields}
    cell = "-".join(map(str, (epochs, *arm, given.get("seed", 0), given.get("openset", ""))))
    return record(cell, **given)


RANKS = {
    (0, ("none", "none")): hits(0.05, 0),
    (0, SUM): hits(0.95, 1),
    (0, REPLACE): hits(0.5, 2),
    (8, ("none", "none")): hits(0.85, 3),
    (8, SUM): hits(0.85, 4),
    (8, REPLACE): hits(0.05, 5),
}
GROUP = [row(ranks, epochs, arm) for (epochs, arm), ranks in RANKS.items()]


def blocks(records: list[RunRecord], queries: Queries = QUERIES) -> dict[str, Block]:
    return {block.name: block for block in gains(records, queries).blocks}


def by_place(found: dict[str, Block]) -> dict[tuple[str, int, tuple[str, str]], Gain]:
    return {
        (name, line.strength.epochs, arm): gain
        for name, block in found.items()
        for line in block.rows
        for arm, gain in line.gains.items()
    }


def flipped(totals: NDArray[np.float64]) -> float:
    """The share of all sign patterns whose sum is at least as large."""
    signs = np.array(list(itertools.product((1, -1), repeat=len(totals))))
    return float(np.mean(np.abs(signs @ totals) >= abs(totals.sum()) - 1e-9))


def test_gains_are_those_of_the_queries_counted_one_by_one() -> None:
    found = by_place(blocks(GROUP))
    assert len(found) == 12
    raw = {}
    for (name, epochs, arm), gain in found.items():
        kept = [i for i in range(N) if ANIMAL[i] < ANIMALS - 2 and name in ("all", SPECIES[i])]
        after, before = RANKS[epochs, arm], RANKS[epochs, ("none", "none")]
        change = [int(after[i] == 1) - int(before[i] == 1) for i in kept]
        assert gain.test.difference.value == pytest.approx(sum(change) / len(kept))
        assert (gain.test.difference.n, gain.seeds) == (len(kept), 1)
        assert (gain.test.better, gain.test.worse) == (change.count(1), change.count(-1))
        animals = sorted(set(ANIMAL[kept]))
        totals = np.array([sum(c for c, i in zip(change, kept, strict=True) if ANIMAL[i] == a) for a in animals])
        raw[name, epochs, arm] = flipped(totals.astype(float))
        drawn = np.random.default_rng(3).choice(totals / PHOTOS, (4000, len(totals))).mean(axis=1)
        ends = tuple(np.quantile(drawn, (0.025, 0.975)))
        assert (gain.test.difference.low, gain.test.difference.high) == pytest.approx(ends, abs=0.05)
    least = 0.0  # Holm by hand: the smallest p times 12, the next times 11, and none below the one before
    for place, (where, p) in enumerate(sorted(raw.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, (12 - place) * p))
        assert found[where].p == pytest.approx(least, rel=0.1)
    assert {block.name: (block.individuals, block.few) for block in gains(GROUP, QUERIES).blocks} == {
        "all": (10, False),
        "cat": (5, True),
        "horse": (5, True),
    }
    assert found["all", 0, SUM].finding == 1
    assert found["all", 8, SUM].finding == 0
    assert found["all", 8, REPLACE].finding == -1


def test_rows_stand_in_order_of_the_backbones_own_r1_with_the_queries_of_their_block() -> None:
    found = blocks(GROUP[::-1])
    assert list(found) == ["all", "cat", "horse"]
    for name, block in found.items():
        kept = (ANIMAL < ANIMALS - 2) & ((name == "all") | (name == SPECIES))
        assert [line.strength.epochs for line in block.rows] == [0, 8]
        for line in block.rows:
            right = RANKS[line.strength.epochs, ("none", "none")][kept] == 1
            assert line.baseline.value == pytest.approx(right.mean())
            assert line.baseline.n == kept.sum()
    switched = [row(ranks, 8 - epochs, arm) for (epochs, arm), ranks in RANKS.items()]
    assert [line.strength.epochs for line in blocks(switched)["all"].rows] == [8, 0]


def test_a_data_set_is_named_where_there_are_several_and_one_species_is_no_block() -> None:
    two = replace(QUERIES, dataset=np.where(SPECIES == "cat", "A", "B"), species=np.where(SPECIES == "cat", "cat", ""))
    assert list(blocks(GROUP, two)) == ["all", "A: cat", "B: species not given"]
    assert list(blocks(GROUP, replace(QUERIES, species=np.full(N, "cat")))) == ["all"]


def test_a_species_called_all_is_a_block_of_its_own() -> None:
    named = replace(QUERIES, species=np.where(SPECIES == "cat", "all", "horse"))
    assert [block.name for block in gains(GROUP, named).blocks] == ["all", "all", "horse"]


def test_seeds_are_averaged_query_by_query_over_those_that_both_rows_have() -> None:
    base = {seed: hits(0.3, 10 + seed) for seed in range(3)}
    up = {seed: hits(0.6, 20 + seed) for seed in range(2)}
    rows = [row(ranks, seed=seed) for seed, ranks in base.items()]
    rows += [row(ranks, arm=SUM, seed=seed) for seed, ranks in up.items()]
    (line,) = blocks(rows)["all"].rows
    known = QUERIES.known
    change = np.mean([(up[s] == 1).astype(float) - (base[s] == 1) for s in range(2)], axis=0)[known]
    gain = line.gains[SUM]
    assert gain.test.difference.value == pytest.approx(change.mean())
    assert (gain.seeds, line.seeds) == (2, 3)
    assert (gain.test.better, gain.test.worse) == ((change > 0).sum(), (change < 0).sum())
    assert line.baseline.value == pytest.approx(np.mean([(base[s] == 1)[known].mean() for s in range(3)]))


def test_without_a_row_of_the_backbone_alone_it_is_said_and_the_others_stand() -> None:
    failed = record("x", status="failed", reason="disk on fire", metrics={}, matcher="none", fusion="none", loss="none")
    found = gains([failed, *GROUP[1:]], QUERIES)
    assert {line.strength.epochs for block in found.blocks for line in block.rows} == {8}
    assert found.comparisons == 6
    first, second = found.missing
    assert first == "resnet50 / none / epochs 0 without re-ranking (1 row): failed: disk on fire"
    assert second.startswith("resnet50 / none / epochs 0, seed 0: there is no row without re-ranking, so that 2 ")


def test_rows_that_did_not_run_are_told_together_and_leave_a_gap() -> None:
    no = {"status": "skipped", "reason": "no weights", "metrics": {}, "first_hits": ""}
    lost = [row(hits(0, 0), epochs, ("lightglue", "sum"), **no) for epochs in (0, 8)]
    short = row(np.ones(3, np.int64), 8, ("other", "sum"))
    found = gains([*GROUP[:-1], *lost, short], QUERIES)
    assert found.missing == (
        "lightglue + sum (2 rows): skipped: no weights",
        "other + sum (1 row): answers to other queries than those that were kept; run it again",
    )
    assert set(found.arms) == {SUM, REPLACE}
    assert REPLACE not in found.blocks[0].rows[1].gains


def test_a_rule_that_could_not_run_on_a_ranking_that_is_there_is_no_loss() -> None:
    again = row(hits(0, 0), 0, SUM, status="skipped", reason="no new ones", metrics={}, first_hits="", openset="fixed")
    assert gains([*GROUP, again], QUERIES).missing == ()


def test_rows_of_chance_and_of_others_are_not_backbones() -> None:
    kinds = [row(hits(0.1, 0), 4, arm, kind="imported") for arm in (("none", "none"), SUM)]
    assert gains([*GROUP, *kinds, record("c", kind="reference", backbone="chance")], QUERIES) == gains(GROUP, QUERIES)


def test_without_queries_or_their_species_it_says_what_to_do() -> None:
    assert gains(GROUP, None).blocks == ()
    assert "run a cell of it again" in gains(GROUP, None).missing[0]
    old = gains(GROUP, replace(QUERIES, dataset=None, species=None))
    assert [block.name for block in old.blocks] == ["all"]
    assert "the species of the queries were not kept" in old.missing[0]


def test_queries_of_new_animals_alone_give_no_number() -> None:
    (block,) = gains(GROUP, replace(QUERIES, known=np.zeros(N, bool))).blocks
    assert all(
        gain.p == 1 and gain.test.difference.value is None for line in block.rows for gain in line.gains.values()
    )


def test_a_slope_needs_rows_of_different_strength() -> None:
    assert blocks(GROUP)["all"].slopes == {}
    rows = [row(hits(share, seed), epochs) for seed, (epochs, share) in enumerate(zip(range(5), LEVELS, strict=True))]
    rows += [row(hits(0.5, 30 + epochs), epochs, SUM) for epochs in range(5)]
    found = blocks(rows)["all"].slopes[SUM]
    assert found.n == 5
    assert found.high is not None
    assert found.high < 0
