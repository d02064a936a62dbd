"""Splits: roles disjoint and complete, known and new as they say, the study's proportions at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.splits import StudySizes, carve_validation, official, study, with_known
from harness.table import ImageTable

SIZES = StudySizes(0.2, 0.2, 2000, 500)
ALL = np.array([""])


def table(identity: list[str] | np.ndarray, **columns: object) -> ImageTable:  # type: ignore[type-arg]
    ids = np.array([f"{i:06d}" for i in range(len(identity))])
    return ImageTable(
        root=Path("photos"), image_id=ids, path=ids, identity=np.array(identity, dtype=np.str_), digest=ids, **columns
    )


def herd(images: int, mean: float, seed: int) -> ImageTable:
    """Individuals with skewed numbers of photographs, many with a single one, in random order."""
    rng = np.random.default_rng(seed)
    counts = 1 + rng.geometric(1 / mean, images)
    identity = np.repeat(np.arange(images), counts)[:images]
    return table([f"animal-{i}" for i in rng.permutation(identity)])


def split(whole: ImageTable, seed: int = 0, sizes: StudySizes = SIZES, validation: float = 0.1) -> ImageTable:
    made = carve_validation(study(whole, sizes, seed)[0], validation, validation, seed)
    return with_known(made, np.full(len(made), ""))


def owners(made: ImageTable, *roles: str) -> set[str]:
    return set(made.having(*roles).identity.tolist())


CASES = [(n, mean, seed) for n in (12, 40, 100, 333) for mean in (1.5, 5.0, 20.0) for seed in range(3)]


@pytest.mark.parametrize(("images", "mean", "seed"), CASES)
def test_what_holds_for_every_split(images: int, mean: float, seed: int) -> None:
    whole = herd(images, mean, seed)
    first, dropped = study(whole, SIZES, seed)
    assert len(first) + dropped == images
    assert set(first.image_id) <= set(whole.image_id)
    assert set(first.role) <= {"train", "query"}
    made = split(whole, seed)
    assert made.image_id.tolist() == first.image_id.tolist()  # carving moves no row
    assert set(made.role) <= {"train", "validation", "query"}  # complete; one role a row, so disjoint
    query, validation = made.having("query"), made.having("validation")
    assert query.image_id.tolist() == first.having("query").image_id.tolist()  # validation comes from train alone
    gallery, train = owners(made, "train", "validation", "gallery"), owners(made, "train")
    assert set(query.identity[query.known]) <= gallery
    assert not set(query.identity[~query.known]) & gallery  # whole individuals are new
    assert set(validation.identity[validation.known]) <= train
    assert not set(validation.identity[~validation.known]) & train
    assert not made.known[made.role == "train"].any()
    names, counts = np.unique(whole.identity, return_counts=True)
    single = set(names[counts == 1])
    assert not set(query.identity[query.known]) & single
    assert not set(validation.identity[validation.known]) & single
    again = split(whole, seed)
    for column in ("image_id", "role", "known"):
        np.testing.assert_array_equal(getattr(made, column), getattr(again, column))


@pytest.mark.parametrize("images", [100, 1000])
@pytest.mark.parametrize("mean", [3.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_study_is_80_20_with_4_known_to_1_new(images: int, mean: float, seed: int) -> None:
    made = split(herd(images, mean, seed), seed)
    query = made.having("query")
    known, new = int(query.known.sum()), int((~query.known).sum())
    assert known == round(0.2 * images) - new
    assert new == round(0.04 * images)
    assert 0.18 <= len(query) / len(made) <= 0.26  # surplus images of the last new individual are gone
    if images >= 1000:
        assert len(query) / len(made) == pytest.approx(0.2, abs=0.01)


def test_equal_individuals_too_large_for_the_share_of_new_ones_still_give_new_queries() -> None:
    made, dropped = study(table(np.repeat([f"a{i}" for i in range(10)], 10)), SIZES, 0)
    made = with_known(made, np.full(len(made), ""))
    query = made.having("query")
    assert (int(query.known.sum()), int((~query.known).sum()), dropped) == (16, 4, 6)


@pytest.mark.parametrize("seed", range(2))
def test_the_study_is_capped_at_2000_known_and_500_new(seed: int) -> None:
    whole = herd(14_000, 8.0, seed)
    first, dropped = study(whole, SIZES, seed)
    made = with_known(first, np.full(len(first), ""))
    query = made.having("query")
    assert (int(query.known.sum()), int((~query.known).sum())) == (2000, 500)
    assert len(made) + dropped == 14_000
    assert dropped >= 2800 - 2500


def test_each_individual_gives_its_share_of_queries() -> None:
    made, _ = study(table(np.repeat([f"a{i:02d}" for i in range(40)], 20)), StudySizes(0.25, 0.0, 2000, 500), 3)
    _, counts = np.unique(made.having("query").identity, return_counts=True)
    assert counts.tolist() == [5] * 40


def test_fractions_of_a_share_are_drawn_by_lot() -> None:
    """Three images each and a share of a fifth: the same individuals must not always be left out."""
    whole = table(np.repeat([f"a{i:02d}" for i in range(60)], 3))
    taken = [owners(study(whole, StudySizes(0.2, 0.0, 2000, 500), seed)[0], "query") for seed in range(6)]
    assert {len(names) for names in taken} == {36}
    assert len({frozenset(names) for names in taken}) == 6


def test_another_seed_gives_another_split() -> None:
    whole = herd(300, 5.0, 0)
    assert len({split(whole, seed).having("query").image_id.tobytes() for seed in range(5)}) == 5


def test_the_order_of_the_names_does_not_decide_who_is_new() -> None:
    whole = table(np.repeat([f"a{i:02d}" for i in range(30)], 5))
    new: set[str] = set()
    for seed in range(10):
        made = split(whole, seed)
        new |= owners(made, "query") - owners(made, "train", "validation")
    assert len(new) > 10


def test_without_a_share_of_new_individuals_there_are_none() -> None:
    made = split(herd(200, 5.0, 1), sizes=StudySizes(0.2, 0.0, 2000, 500), validation=0.0)
    assert made.having("query").known.all()
    assert len(made.having("validation")) == 0


@pytest.mark.parametrize("identity", [[], ["a"], ["a", "a"], ["a", "b"], ["a", "b", "b"]])
def test_tiny_tables_do_not_fail(identity: list[str]) -> None:
    made = split(table(identity))
    assert set(made.identity) <= set(identity)


def test_two_individuals_always_remain_to_train_on() -> None:
    made = split(table(np.repeat(["a", "b", "c"], 10)), sizes=StudySizes(0.5, 0.9, 2000, 500), validation=0.9)
    assert len(owners(made, "train")) >= 2


def test_the_official_split_is_taken_as_it_is() -> None:
    whole = table(list("aabbc"), split=np.array(["train", "test", "train", "train", "test"]))
    made = with_known(official(whole), np.full(5, ""))
    assert made.role.tolist() == ["train", "query", "train", "train", "query"]
    assert made.known.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("value", ["", "Train", "val"])
def test_a_row_without_an_official_split_is_named(value: str) -> None:
    whole = table(list("aabb"), split=np.array(["train", "test", value, value]))
    with pytest.raises(DataError, match=r"2 rows have no official split \(image_id '000002'"):
        official(whole)


def test_known_means_known_in_the_gallery_that_is_asked() -> None:
    """The right flank of an animal whose left flank alone is in the gallery is new to a same-side search."""
    whole = table(list("aabb"), role=np.array(["train", "query", "train", "query"]))
    side = np.array(["left", "right", "left", "left"])
    assert with_known(whole, np.full(4, "")).known.tolist() == [False, True, False, True]
    assert with_known(whole, side).known.tolist() == [False, False, False, True]


def test_validation_is_asked_against_train_and_queries_against_both() -> None:
    whole = table(list("aabb"), role=np.array(["validation", "query", "validation", "train"]))
    assert with_known(whole, np.full(4, "")).known.tolist() == [False, True, True, False]
