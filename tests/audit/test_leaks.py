"""Leaks: each kind against brute force, scopes, strength, and what a permuted gallery changes (nothing)."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audit.leaks import KINDS, MOST, Leaks, find_leaks
from harness.audit.photographs import Photograph
from harness.errors import DataError
from harness.table import ImageTable

HASHED = ("bytes", "pixels", "near", "group")


def table(*rows: dict[str, str]) -> ImageTable:
    names = [f"{number}" for number in range(len(rows))]
    columns = ("digest", "pixels", "phash", "group", "date", "dataset")
    return ImageTable(
        root=Path("/"),
        image_id=np.array(names, dtype=np.str_),
        path=np.array(names, dtype=np.str_),
        identity=np.array([row.get("identity", "a") for row in rows], dtype=np.str_),
        **{name: np.array([row.get(name, "") for row in rows], dtype=np.str_) for name in columns},
    )


def find(query: ImageTable, gallery: ImageTable, *kinds: str, bits: int = 4, **more: object) -> Leaks:
    return find_leaks(query, gallery, query.dataset, gallery.dataset, kinds or HASHED, bits, **more)  # type: ignore[arg-type]


def drawn(dice: random.Random, rows: int) -> ImageTable:
    """Rows that often agree; a pixel hash or a date may lack."""
    near = [0, 1, 3, 0xFF, 2**63]
    return table(
        *(
            {
                "identity": dice.choice("ab"),
                "dataset": dice.choice("xy"),
                "digest": dice.choice("123456"),
                "pixels": dice.choice(["", "p", "q", "r", "s"]),
                "phash": f"{dice.choice(near) << dice.choice([0, 8, 16]) & 2**64 - 1:016x}",
                "group": dice.choice(["", "g", "h"]),
                "date": dice.choice(["", "2020-01-01", "2020-01-02"]),
            }
            for _ in range(rows)
        )
    )


def leak(kind: str, query: ImageTable, q: int, gallery: ImageTable, g: int) -> float | None:
    """By definition: the distance where this pair is a leak of this kind, else None."""

    def same(name: str) -> bool:
        a, b = str(getattr(query, name)[q]), str(getattr(gallery, name)[g])
        return a == b != ""

    if query.dataset[q] != gallery.dataset[g]:
        return None
    if kind == "near":
        bits = (int(query.phash[q], 16) ^ int(gallery.phash[g], 16)).bit_count()
        return bits if bits <= 4 else None
    alike = {
        "bytes": same("digest"),
        "pixels": same("pixels"),
        "group": same("identity") and (same("group") or same("date")),
    }
    return 0 if alike[kind] else None


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_each_kind_is_what_its_definition_says(dice: random.Random) -> None:
    query, gallery = drawn(dice, 5), drawn(dice, 8)
    found = find(query, gallery)
    listed: dict[tuple[int, int], tuple[str, float]] = {}
    for kind in reversed(HASHED):
        flags = np.zeros(5, bool)
        for q in range(5):
            for g in range(8):
                distance = leak(kind, query, q, gallery, g)
                if distance is not None:
                    flags[q] = True
                    listed[q, g] = (kind, distance)
        assert found.kinds[kind].tolist() == flags.tolist(), kind
    assert {(p.query, p.gallery): (p.kind, p.distance) for p in found.pairs} == listed
    assert len(found.pairs) == len(listed)
    assert found.any().tolist() == [any(q == row for row, _ in listed) for q in range(5)]


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_permuting_the_gallery_changes_no_flag_and_no_pair(dice: random.Random) -> None:
    query, gallery = drawn(dice, 5), drawn(dice, 8)
    order = dice.sample(range(8), 8)
    one, other = find(query, gallery), find(query, gallery.select(order))
    for kind in HASHED:
        np.testing.assert_array_equal(one.kinds[kind], other.kinds[kind])
    pairs = {(p.kind, p.query, p.gallery, p.distance) for p in one.pairs}
    assert pairs == {(p.kind, p.query, order[p.gallery], p.distance) for p in other.pairs}


def test_a_stronger_kind_hides_no_weaker_one_but_lists_the_pair() -> None:
    row = {"digest": "1", "pixels": "p", "phash": "0" * 16, "group": "g"}
    found = find(table(row), table(row))
    assert all(found.kinds[kind].tolist() == [True] for kind in HASHED)
    assert [pair.kind for pair in found.pairs] == ["bytes"]


def test_an_encounter_of_another_animal_is_no_leak() -> None:
    query = table({"identity": "a", "group": "g", "date": "2020-01-01"})
    assert not find(query, table({"identity": "b", "group": "g", "date": "2020-01-01"})).any().any()
    assert find(query, table({"identity": "a", "group": "h", "date": "2020-01-01"})).kinds["group"].all()


def test_empty_values_agree_with_nothing() -> None:
    found = find(table({}), table({}))
    assert not found.any().any()
    assert found.pairs == ()


def test_an_empty_table_has_no_leak() -> None:
    empty = table()
    assert find(empty, table({"digest": "1"})).any().tolist() == []
    assert find(table({"digest": "1"}), empty).any().tolist() == [False]


def test_thousands_of_equal_pictures_list_few_pairs_and_flag_all() -> None:
    found = find(table(*[{"digest": "1"}] * 30), table(*[{"digest": "1"}] * 500), "bytes")
    assert found.any().all()
    assert len(found.pairs) == 30 * MOST


def test_a_photograph_is_told_by_its_comparison() -> None:
    compared = {
        (0, 0): Photograph(20, 0.5, 0.95),
        (0, 1): Photograph(30, 1.0, 0.99),
        (1, 0): Photograph(7, 0.5, 0.95),
        (1, 1): Photograph(20, 0.1, 0.95),
        (2, 0): Photograph(20, 0.5, 0.89),
    }
    found = find(table({}, {}, {}), table({}, {}), "photograph", photographs=compared)
    assert found.any().tolist() == [True, False, False]
    assert [(p.query, p.gallery, round(p.distance, 4)) for p in found.pairs] == [(0, 1, 0.01), (0, 0, 0.05)]


def test_what_cannot_be_looked_for_is_told() -> None:
    with pytest.raises(DataError, match="'nera'"):
        find(table({}), table({}), "nera")
    with pytest.raises(DataError, match="need compared photographs"):
        find(table({}), table({}), "photograph")
    with pytest.raises(DataError, match="no kind"):
        find_leaks(table({}), table({}), *[np.array([""])] * 2, (), 4).any()


def test_kinds_are_in_order_of_strength() -> None:
    assert list(find(table({}), table({}), "near", "bytes").kinds) == ["bytes", "near"]
    assert KINDS[:4] == HASHED
