"""Names that look like one, against edit distances by dynamic programming; unknown, single and one-sided animals."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from harness_plugins.datasets._metadata import UNKNOWN as LEFT_OUT
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audit.identities import LETTERS, alike, check_identities, folded, no_individual
from harness.table import ImageTable


def table(*rows: tuple[str, ...], columns: tuple[str, ...] = ("identity",)) -> ImageTable:
    names = np.array([f"{n}" for n in range(len(rows))])
    given = {name: np.array([row[i] for row in rows]) for i, name in enumerate(columns)}
    return ImageTable(root=Path("/"), image_id=names, path=names, **given)


def pairs(*names: str) -> dict[tuple[str, str], str]:
    return {(p.first, p.second): p.why for p in alike({name: name for name in names})}


@pytest.mark.parametrize(
    ("first", "second"), [("Leia", "leia"), ("Big Ben", "big-ben"), ("José", "jose"), ("zebra 07", "zebra 7")]
)
def test_spellings_of_one_name_are_told(first: str, second: str) -> None:
    assert pairs(first, second, "somebody") == {tuple(sorted((first, second))): "spelling"}


@pytest.mark.parametrize(("first", "second"), [("Naimina", "Naimna"), ("Sadala", "Sadalla"), ("Kinna", "Kenna")])
def test_one_edit_is_told(first: str, second: str) -> None:
    assert pairs(first, second, "somebody") == {tuple(sorted((first, second))): "one edit"}


@pytest.mark.parametrize(
    "names",
    [("zebra-1", "zebra-11"), ("zebra-1", "zebra-2"), ("z 1 1", "z 11"), ("A1", "B1"), ("Leo", "Lea"), ("?", "!")],
)
def test_a_numbering_is_no_misspelling(names: tuple[str, str]) -> None:
    assert pairs(*names) == {}


def test_ten_thousand_names_are_bounded_work() -> None:
    names = [f"{'abcdefghij'[n // 1000]}{n:04d}xyz" for n in range(10_000)]
    assert pairs(*names) == {}
    assert len(pairs(*(f"{c}{d}name" for c in "abcdefghij" for d in "abcdefghij"))) < 400  # not all of 100 x 18 / 2


def distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def one_edit(a: str, b: str) -> bool:
    """By definition: distance 1, numbers and their number alike, and enough letters in the longer one."""
    numbers = [re.findall(r"\d+", text) for text in (a, b)]
    return distance(a, b) == 1 and numbers[0] == numbers[1] and max(sum(map(str.isalpha, t)) for t in (a, b)) >= LETTERS


def component(name: str, edges: set[tuple[str, str]]) -> set[str]:
    seen, todo = set[str](), [name]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += [b if a == here else a for a, b in edges if here in (a, b)]
    return seen


@settings(max_examples=40, deadline=None)
@given(st.sets(st.text("ab1", min_size=3, max_size=6), min_size=2, max_size=8))
def test_alike_names_are_those_within_one_edit(names: set[str]) -> None:
    found = set(pairs(*names))
    assert all(one_edit(folded(a), folded(b)) for a, b in found)
    for a in names:
        for b in names:
            if a < b and (a, b) not in found and one_edit(folded(a), folded(b)):
                assert b in component(a, found), (a, b)


def test_names_are_compared_within_a_data_set_without_its_prefix() -> None:
    rows = [("Cats_tom", "Cats"), ("Cats_Tom", "Cats"), ("Dogs_tom", "Dogs"), ("Dogs_a1", "Dogs"), ("Dogs_b1", "Dogs")]
    found = check_identities(table(*rows, columns=("identity", "dataset")))
    assert [(pair.first, pair.second) for pair in found.alike] == [("Cats_Tom", "Cats_tom")]


@pytest.mark.parametrize("name", ["unknown", "Un-known", "UNIDENTIFIED 3", "?", "", "n/a", "new_whale", "----"])
def test_no_individual_is_meant(name: str) -> None:
    assert no_individual(name)


@pytest.mark.parametrize("name", ["NA12", "Nan Madol", "7", "noname", "Unk5"])
def test_an_individual_is_meant(name: str) -> None:
    assert not no_individual(name)


def test_all_that_data_sets_leave_out_is_no_individual() -> None:
    assert [name for name in LEFT_OUT if not no_individual(name)] == []


def test_unknown_single_and_spread_individuals_are_found() -> None:
    rows = [
        ("Cats_unknown", "cat", "Cats"),
        ("Cats_unknown", "cat", "Cats"),
        ("Tom", "cat", "Cats"),
        ("Rex", "cat", "Cats"),
        ("Rex", "dog", "Cats"),
        ("Ann", "", "Cats"),
        ("Ann", "cat", "Dogs"),
    ]
    found = check_identities(table(*rows, columns=("identity", "species", "dataset")))
    assert found.unnamed == ("Cats_unknown",)
    assert found.singles == ("Tom",)
    assert found.spread == ("Ann", "Rex")


def test_an_individual_shown_from_the_other_side_only() -> None:
    rows = [("a", "train", "left"), ("a", "query", "Right"), ("a", "query", "right")]
    rows += [("b", "train", "left"), ("b", "gallery", "right"), ("b", "query", "right")]
    rows += [("c", "train", "left"), ("c", "query", "front"), ("d", "query", "left"), ("e", "train", "right")]
    found = check_identities(table(*rows, columns=("identity", "role", "orientation")))
    assert found.one_sided == ("a",)
