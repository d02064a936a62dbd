"""Which pairs are drawn: every kind of query in turn, the same whenever it is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from harness.answers import Decisions
from harness.replay import Replay
from harness.report.answers import Answers
from harness.report.drawn import TAKEN, drawn_pairs, kinds
from harness.types import Ranking

GALLERY = np.array(["a", "a", "b", "b", "c"])
"""The individual of each gallery image."""
ASKED = {
    # query: its individual, its list before and after re-ranking
    "rescued": ("a", [2, 0, 3], [0, 2, 3]),
    "broken": ("b", [2, 4, 3], [4, 2, 3]),
    "wrong": ("c", [0, 2, 4], [1, 2, 4]),
    "right": ("a", [1, 2, 3], [1, 3, 2]),
    "taken": ("x", [0, 2, 4], [0, 4, 2]),
    "new": ("y", [3, 2, 4], [3, 4, 2]),
}


def replayed(said: dict[str, str] | None = None, names: tuple[str, ...] = tuple(ASKED)) -> Replay:
    identity = np.array([ASKED[name][0] for name in names])
    ids, gallery_ids = np.array([f"q{i}" for i in range(len(names))]), np.array([f"g{i}" for i in range(5)])

    def ranking(which: int) -> Ranking:
        order = np.array([[*ASKED[name][which]] for name in names], np.int32)
        scores = np.where(order < 0, -np.inf, np.arange(order.shape[1], 0, -1.0))
        return Ranking(ids, gallery_ids, order, scores)

    zeros = np.zeros(len(names))
    decisions = None if said is None else Decisions(ids, np.array([said.get(name, "") for name in names]), zeros, zeros)
    query = SimpleNamespace(identity=identity, known=np.isin(identity, GALLERY), image_id=ids)
    gallery = SimpleNamespace(identity=GALLERY, image_id=gallery_ids)
    found = {"query": query, "gallery": gallery, "coarse": ranking(1), "final": ranking(2), "decisions": decisions}
    return cast(Replay, SimpleNamespace(**found))


def chosen(replay: Replay, most: int) -> list[tuple[int, int]]:
    return drawn_pairs(replay, Answers.of(replay), most)


def test_the_answers_of_a_query_are_drawn_beside_each_other() -> None:
    pairs = chosen(replayed({"taken": "a"}), 100)
    by_name = {name: [g for q, g in pairs if q == row] for row, name in enumerate(ASKED)}
    assert by_name == {
        "rescued": [0, 2],
        "broken": [4, 2],
        "wrong": [1, 0, 4],  # the best right candidate too, since neither answer shows the individual
        "right": [1],
        "taken": [0],
        "new": [3],
    }
    queries = [query for query, _ in pairs]
    assert queries == sorted(queries, key=queries.index), "one query's pairs lie together"


def test_each_kind_is_there_however_few_are_asked_for() -> None:
    replay = replayed({"taken": "a"})
    assert {query for query, _ in chosen(replay, 6)} == set(range(6))
    assert len(chosen(replay, 7)) == 7
    assert set(chosen(replay, 6)) <= set(chosen(replay, 7))
    assert chosen(replay, 0) == []


def test_turns_are_taken_and_not_one_kind_after_the_other() -> None:
    replay = replayed(names=("rescued",) * 5 + ("wrong",))
    assert 5 in {query for query, _ in chosen(replay, 2)}


def test_the_choice_is_the_same_whenever_it_is_asked() -> None:
    assert chosen(replayed({"taken": "a"}), 5) == chosen(replayed({"taken": "a"}), 5)


def test_what_the_rule_said_of_new_individuals_is_a_kind_of_its_own() -> None:
    names = list(ASKED)
    told = replayed({"taken": "a", "right": "a"})
    assert kinds(told, Answers.of(told)).tolist() == ["rescued", "broken", "wrong", "right", TAKEN, "new"]
    silent = replayed()
    assert kinds(silent, Answers.of(silent)).tolist()[names.index("taken")] == "new"


@pytest.mark.parametrize("empty", [[-1, -1, -1]])
def test_a_query_without_a_candidate_has_no_pair(empty: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ASKED, "new", ("y", empty, empty))
    pairs: list[Any] = chosen(replayed(), 100)
    assert pairs
    assert list(ASKED).index("new") not in {query for query, _ in pairs}
