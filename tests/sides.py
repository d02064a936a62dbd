"""Sides of a comparison for tests: cells with given outcomes per query, and the queries behind them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import metric, record

from harness.compare.judge import Side
from harness.compare.runs import Cell, cells_of, repeated
from harness.record import pack_flags, pack_hits
from harness.results import Queries, Results

HASH = "a" * 64
COMMIT = "c" * 40
WHERE = {"torch": "2.0", "cpu": "AVX2", "threads": "1", "device": "cpu"}


def queries(known: int = 40, new: int = 10, each: int = 2) -> Queries:
    """So many queries of known and of new individuals, ``each`` of one individual."""
    n = known + new
    identity = np.array([f"a{place // each}" for place in range(n)])
    ids = np.array([f"q{place}" for place in range(n)])
    return Queries(ids, identity, np.arange(n) < known, np.zeros(n, bool))


def cell(name: str, *runs: Sequence[int] | np.ndarray, said: Sequence[np.ndarray] = (), **fields: Any) -> Cell:
    """A cell with the ranks of the first right image in each of its runs, and what its rule said."""
    rows = []
    for place, hits in enumerate(runs):
        ranks = np.asarray(hits, np.int64)
        right = float((ranks[:40] == 1).mean()) if len(ranks) else 0.0
        given = {
            "first_hits": pack_hits(ranks),
            "ranking": f"digest of {ranks.tolist()}",
            "metrics": {"R-1": metric(right)},
            "said_known": pack_flags(said[place]) if said else "",
            "environment": WHERE,
            "backbone": f"net {name}",
            **fields,
        }
        rows.append(cells_of([record(name, **given)]))
    return repeated(rows)[0]


def side(*cells: Cell, asked: Queries | None = None) -> Side:
    """Cells with their queries."""
    return Side("side", cells, {HASH: asked or queries()})


def ranks(right: int, n: int = 50, flipped: Sequence[int] = ()) -> np.ndarray:
    """The first ``right`` queries answered rightly, the others not; ``flipped`` ones the other way round."""
    answers = np.where(np.arange(n) < right, 1, 3)
    answers[list(flipped)] = 4 - answers[list(flipped)]
    return answers


def folder(path: Path, *rights: int, **fields: Any) -> Path:
    """A results folder with a cell for each number of right answers."""
    results = Results(path)
    rows = [
        record(
            f"cell {place}",
            **{
                "first_hits": pack_hits(np.asarray(ranks(right))),
                "ranking": str(right),
                "metrics": {"R-1": metric(right / 40)},
                "environment": WHERE,
                "git": COMMIT,
                "backbone": f"net {place}",
                **fields,
            },
        )
        for place, right in enumerate(rights)
    ]
    results.add(rows)
    results.add_queries(rows[0], queries())
    return path
