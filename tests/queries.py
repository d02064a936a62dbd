"""Queries for tests of known-or-new rules: scores by column, and the truth about them."""

from __future__ import annotations

import numpy as np

from harness import QueryScores, QueryTruth


def scores(dataset: list[str] | None = None, **columns: list[float] | np.ndarray) -> QueryScores:
    """Columns by name, ``normalised_count`` for normalised-count; all of one data set where none is given."""
    n = len(next(iter(columns.values())))
    named = {name.replace("_", "-"): np.array(values, np.float64) for name, values in columns.items()}
    ids = np.array([f"q{i}" for i in range(n)], dtype=np.str_)
    return QueryScores(ids, np.array(["herd"] * n if dataset is None else dataset, dtype=np.str_), named)


def truth(
    known: list[bool] | np.ndarray, right: list[bool] | np.ndarray | None = None, identity: list[str] | None = None
) -> QueryTruth:
    """All known ones right, each query an individual of its own, where nothing else is given."""
    mask = np.array(known, dtype=bool)
    names = [f"a{i}" for i in range(len(mask))] if identity is None else identity
    return QueryTruth(mask, mask if right is None else np.array(right, dtype=bool), np.array(names, dtype=np.str_))
