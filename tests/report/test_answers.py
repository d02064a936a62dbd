"""Ranks before and after re-ranking, and who was moved where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from harness.report.answers import Answers
from harness.types import Ranking

GALLERY = np.array(["a", "a", "b", "c", "d"])
QUERIES = np.array(["a", "b", "c", "d", "new"])
BEFORE = [[0, 2, 3, 1], [0, 2, 1, 3], [3, 0, 1, 2], [0, 1, 2, 3], [1, 2, -1, -1]]
AFTER = [[0, 1, 2, 3], [2, 0, 1, 3], [0, 3, 1, 2], [3, 2, 1, 0], [2, 1, -1, -1]]


def ranking(order: list[list[int]]) -> Ranking:
    places = np.array(order, np.int32)
    scores = np.where(places < 0, -np.inf, -np.arange(places.shape[1], dtype=float)[None])
    return Ranking(QUERIES, np.arange(5).astype(str), places, scores)


def replay() -> Any:
    query = SimpleNamespace(identity=QUERIES, known=QUERIES != "new")
    gallery = SimpleNamespace(identity=GALLERY)
    return SimpleNamespace(query=query, gallery=gallery, coarse=ranking(BEFORE), final=ranking(AFTER))


def test_ranks_and_kinds_of_queries() -> None:
    answers = Answers.of(replay())
    assert answers.before.tolist() == [1, 2, 1, 0, 0]
    assert answers.after.tolist() == [1, 1, 2, 0, 0]
    assert answers.kind.tolist() == ["right", "rescued", "broken", "wrong", "new"]
    assert answers.by_interest.tolist() == [1, 2, 3, 4, 0]


def test_who_was_moved_where() -> None:
    answers = Answers.of(replay())
    for query in range(5):
        for place, gallery in enumerate(BEFORE[query]):
            if gallery < 0:
                assert answers.moved[query, place] == -1
            else:
                assert AFTER[query][answers.moved[query, place]] == gallery
                assert answers.came[query, answers.moved[query, place]] == place
    assert answers.right.tolist()[0] == [True, True, False, False]
    assert answers.right_before.tolist()[0] == [True, False, False, True]
