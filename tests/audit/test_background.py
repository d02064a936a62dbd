"""Which queries are drawn, whose background they get, and what their versions are worth."""

from __future__ import annotations

import numpy as np
import pytest

from harness import DataError, ImageTable
from harness.audit.background import by_count, compared, elsewhere, in_turn
from harness.metrics.significance import compare

INF = np.inf


def table(identity: str, group: str) -> ImageTable:
    names = np.array([f"{i}.png" for i in range(len(identity))])
    groups = np.array([name.strip("-") for name in group])
    return ImageTable(root=".", image_id=names, path=names, identity=np.array(list(identity)), group=groups)  # type: ignore[arg-type]


def test_individuals_take_turns() -> None:
    identity = np.array(list("aaaaaaabbc"))
    order = in_turn(identity, 0)
    assert sorted(order.tolist()) == list(range(10))
    turns = ["".join(sorted(identity[part])) for part in (order[:3], order[3:5], order[5:])]
    assert turns == ["abc", "ab", "aaaaa"]


def test_the_draw_goes_by_the_seed() -> None:
    identity = np.arange(50).astype(str)
    assert in_turn(identity, 1).tolist() == in_turn(identity, 1).tolist() != in_turn(identity, 2).tolist()
    assert len(in_turn(identity[:0], 0)) == 0


def test_a_background_is_of_another_animal_and_another_encounter() -> None:
    rows = table("aabbcc", "1213-3")
    assert sorted(elsewhere(rows, 0, 0).tolist()) == [3, 4, 5], "b's first is of the same encounter"
    assert sorted(elsewhere(rows, 4, 0).tolist()) == [0, 1, 2, 3], "an encounter that is not known is no other's"
    assert {tuple(elsewhere(rows, 0, seed)) for seed in range(20)} != {tuple(elsewhere(rows, 0, 0))}


@pytest.mark.parametrize(("identity", "group"), [("aaa", "123"), ("abc", "111")])
def test_no_other_background_is_told(identity: str, group: str) -> None:
    with pytest.raises(DataError, match=r"'0\.png'(.|\n)*several individuals in several encounters"):
        elsewhere(table(identity, group), 0, 0)


def test_candidates_are_ordered_by_count_and_ties_in_two_ways() -> None:
    right = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], bool)
    count = np.array([[1, 5, 2], [3, 3, 3], [3, 3, 1], [0, 0, -INF], [-INF] * 3], float)
    as_they_stand, at_random = by_count(right, count)
    assert as_they_stand.tolist() == [1, 0, 1, 0, 0]
    assert at_random.tolist() == pytest.approx([1, 1 / 3, 1 / 2, 0, 0])


def test_changes_are_paired_and_corrected_for_their_number() -> None:
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(30), 2).astype(str)
    good, bad = np.ones(60), (rng.random(60) < 0.4).astype(float)
    rows = {"x": {"original": good, "hidden": bad, "same": good}, "y": {"original": bad, "hidden": bad}}
    found = compared(rows, identity)
    original, hidden, same = found["x"]
    assert (original.version, original.r1.value, original.change, original.p) == ("original", 1, None, None)
    alone = compare(bad, good, identity, 3)
    assert hidden.change == alone.difference
    assert hidden.p == pytest.approx(3 * alone.p_identity)
    assert (same.p, found["y"][1].p) == (1, 1)
    assert same.change is not None
    assert (same.change.value, same.change.low, same.change.high) == (0, 0, 0)
