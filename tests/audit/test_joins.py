"""Joins against brute force over all pairs of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audit.joins import Pairs, equal, near

KEYS = st.lists(st.sampled_from([None, "a", "b", ("c", 1)]), max_size=12)
HASHES = st.lists(st.one_of(st.just(""), st.integers(0, 2**64 - 1), st.integers(0, 31)), max_size=8)


def as_set(pairs: Pairs) -> set[tuple[int, int, float]]:
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.distance.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(KEYS, KEYS)
def test_equal_finds_what_brute_force_finds(left: list[object], right: list[object]) -> None:
    wanted = {(i, j, 0.0) for i, a in enumerate(left) for j, b in enumerate(right) if a is not None and a == b}
    found = equal(left, right)
    assert as_set(found) == wanted
    assert len(found.left) == len(wanted)
    assert np.flatnonzero(found.found).tolist() == sorted({i for i, _, _ in wanted})


def text(number: int | str) -> str:
    return number if isinstance(number, str) else f"{number:016x}"


@settings(max_examples=60, deadline=None)
@given(HASHES, HASHES, st.integers(0, 16), st.randoms())
def test_near_finds_what_brute_force_finds(left: list, right: list, bits: int, dice) -> None:  # type: ignore[no-untyped-def]
    scopes = [np.array([dice.choice("xy") for _ in side], dtype=np.str_) for side in (left, right)]
    wanted = {
        (i, j, float((a ^ b).bit_count()))
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if "" not in (a, b) and scopes[0][i] == scopes[1][j] and (a ^ b).bit_count() <= bits
    }
    found = near([text(a) for a in left], [text(b) for b in right], *scopes, bits)
    assert as_set(found) == wanted
    assert np.flatnonzero(found.found).tolist() == sorted({i for i, _, _ in wanted})
    assert found.left.tolist() == sorted(found.left.tolist())


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_nearest_are_kept(most: int) -> None:
    right = [0b111, 0b1, 0b0, 0b11, 0b1]
    scopes = np.full(1, ""), np.full(5, "")
    found = near([text(0)], [text(b) for b in right], *scopes, 2, most)
    assert found.right.tolist() == [2, 1, 4, 3][:most]
    assert found.distance.tolist() == [0, 1, 1, 2][:most]


def test_equal_keeps_the_first_and_still_flags_all() -> None:
    found = equal(["a", "b"], ["b", "a", "a", "a"], 2)
    assert found.left.tolist() == [0, 0, 1]
    assert found.right.tolist() == [1, 2, 0]
    assert found.found.all()
