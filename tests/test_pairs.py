"""Pairs: codes, repeats, both orders of a pair, other tables on the same files, damage, several writers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from harness.packed import PairSummary
from harness.pairs import Pairs
from harness.store import Key, Store

KEY = Key("match", {"code": "abc"})
DIGESTS = np.array([f"{number:064x}" for number in (7, 3, 9, 1, 3)])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def summary(*counts: float) -> PairSummary:
    count = np.array(counts, np.float32)
    return PairSummary(count, count / 2, count / 4)


def opened(store: Store, digests: NDArray[np.str_] = DIGESTS, symmetric: bool = False) -> Pairs:
    pairs = Pairs(store, KEY, digests, symmetric)
    pairs.keypoints[:] = np.arange(len(pairs.keypoints)) * 10
    return pairs


def codes(pairs: Pairs, *places: tuple[int, int]) -> NDArray[np.int64]:
    numbers = pairs.numbers(DIGESTS)
    first, second = np.array(places, np.int64).reshape(-1, 2).T
    return pairs.codes(numbers[first], numbers[second])


def test_scores_come_back_by_code_in_any_order_with_repeats(store: Store) -> None:
    pairs = opened(store)
    pairs.append(codes(pairs, (0, 1), (0, 2)), summary(5, 6), 1.0)
    pairs.append(codes(pairs, (3, 0)), summary(7), 2.0)
    for reader in (pairs, opened(store)):
        found = reader.read(codes(reader, (3, 0), (0, 1), (0, 2), (0, 4), (3, 0)))  # images 1 and 4 are one file
        assert found.count.tolist() == [7, 5, 6, 5, 7]
        assert found.confidence.tolist() == [3.5, 2.5, 3, 2.5, 3.5]
        assert found.inliers.tolist() == [1.75, 1.25, 1.5, 1.25, 1.75]
        assert len(reader) == 3
        assert reader.seconds_each() == pytest.approx(1.0)


def test_missing_are_the_first_places_of_what_is_not_there(store: Store) -> None:
    pairs = opened(store)
    wanted = codes(pairs, (3, 0), (0, 1), (2, 2), (0, 4), (3, 0), (0, 2))
    assert pairs.missing(wanted).tolist() == [0, 1, 2, 5]
    pairs.append(wanted[[1, 2]], summary(1, 2), 1.0)
    assert pairs.missing(wanted).tolist() == [0, 5]
    with pytest.raises(KeyError, match="3 pairs have not been matched"):
        pairs.read(wanted)
    assert len(pairs.read(wanted[:0])) == 0


@pytest.mark.parametrize("symmetric", [True, False])
def test_both_orders_are_one_pair_of_a_symmetric_matcher_alone(store: Store, symmetric: bool) -> None:
    pairs = opened(store, symmetric=symmetric)
    pairs.append(codes(pairs, (0, 1)), summary(5), 1.0)
    assert len(pairs.missing(codes(pairs, (1, 0)))) == (0 if symmetric else 1)
    numbers = pairs.numbers(DIGESTS)
    first, second = pairs.images(codes(pairs, (0, 1)))[0].tolist()
    assert (first, second) == ((numbers[1], numbers[0]) if symmetric else (numbers[0], numbers[1]))


def test_keypoints_of_the_images_come_back_without_their_features(store: Store) -> None:
    pairs = opened(store)
    pairs.append(codes(pairs, (0, 1)), summary(5), 1.0)
    again = Pairs(store, KEY, DIGESTS, False)
    numbers = pairs.numbers(DIGESTS)
    assert again.keypoints[numbers].tolist() == [numbers[0] * 10, numbers[1] * 10, -1, -1, numbers[1] * 10]


def test_another_table_sees_those_pairs_whose_images_it_has(store: Store) -> None:
    pairs = opened(store)
    pairs.append(codes(pairs, (0, 1), (0, 2), (3, 1)), summary(5, 6, 7), 1.0)
    other = Pairs(store, KEY, np.append(DIGESTS[[1, 0]], "f" * 64), False)
    assert len(other) == 1
    a, b, _ = other.numbers(np.append(DIGESTS[[0, 1]], "f" * 64))
    assert other.read(other.codes(np.array([a]), np.array([b]))).count.tolist() == [5]
    assert len(Pairs(store, KEY, DIGESTS[:0], False)) == 0


def test_what_another_writer_adds_is_seen_after_a_refresh_and_the_first_of_two_stays(store: Store) -> None:
    mine, other = opened(store), opened(store)
    other.append(codes(other, (0, 1)), summary(5), 1.0)
    assert len(mine.missing(codes(mine, (0, 1)))) == 1
    mine.refresh()
    mine.append(codes(mine, (0, 1), (2, 1)), summary(99, 8), 1.0)
    assert mine.read(codes(mine, (0, 1), (2, 1))).count.tolist() == [5, 8]


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "foreign"])
def test_a_damaged_part_is_reported_left_out_and_matched_again(store: Store, how: str) -> None:
    from safetensors.numpy import save

    pairs = opened(store)
    pairs.append(codes(pairs, (0, 1)), summary(5), 1.0)
    (part,) = store.root.glob("collections/match/*/*.safetensors")
    content = bytearray(part.read_bytes())
    content[-1] ^= 0xFF
    foreign = save({"x": np.zeros(3)}, metadata={"__seconds__": "1"})
    part.write_bytes({"flip": bytes(content), "cut": bytes(content[:-9]), "empty": b"", "foreign": foreign}[how])
    with pytest.warns(UserWarning, match="a part of match .* is damaged"):
        again = opened(store)
    assert len(again) == 0
    again.append(codes(again, (0, 1)), summary(6), 1.0)
    assert opened(store).read(codes(again, (0, 1))).count.tolist() == [6]


@given(
    places=hnp.arrays(np.int64, st.tuples(st.integers(0, 40), st.just(2)), elements=st.integers(0, 4)),
    cut=st.integers(0, 40),
)
@settings(max_examples=40, deadline=None)
def test_the_store_is_a_dictionary_of_pairs(
    tmp_path_factory: pytest.TempPathFactory, places: NDArray[np.int64], cut: int
) -> None:
    pairs = opened(Store(tmp_path_factory.mktemp("store")))
    expected: dict[int, float] = {}
    for part in (places[:cut], places[cut:]):
        new = codes(pairs, *map(tuple, part.tolist()))
        absent = pairs.missing(new)
        assert [int(new[i]) for i in absent] == list(dict.fromkeys(c for c in new.tolist() if c not in expected))
        scores = np.arange(len(absent), dtype=np.float32) + len(expected)
        pairs.append(new[absent], summary(*scores), 1.0)
        expected |= dict(zip(new[absent].tolist(), scores.tolist(), strict=True))
    asked = codes(pairs, *map(tuple, places.tolist()))
    assert pairs.read(asked).count.tolist() == [expected[code] for code in asked.tolist()]
