"""Ties: the hash is the published one, the same on every machine and in every version, and sorts as documented."""

from __future__ import annotations

import numpy as np

from harness.stages.ties import checksums, mixed, order_rows, tie_hash

WHOLE = (1 << 64) - 1


def finalised(z: int) -> int:
    """The finaliser of SplitMix64 in whole numbers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & WHOLE
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & WHOLE
    return z ^ (z >> 31)


def test_checksums_are_crc_32() -> None:
    found = checksums(np.array([["123456789", ""], ["a", "abc"]]))
    assert found.tolist() == [[0xCBF43926, 0], [0xE8B7BE43, 0x352441C2]]
    assert (found.dtype, found.shape) == (np.uint64, (2, 2))


def test_the_hash_is_the_first_number_of_splitmix64_where_the_pair_is_its_first_state() -> None:
    state = np.uint64(0x9E3779B9), np.array([0x7F4A7C15], np.uint64)
    assert mixed(*state).tolist() == [0xE220A8397B1DCDAF]


def test_every_pair_is_hashed_as_in_whole_numbers() -> None:
    queries, gallery = np.array(["q0", "q1", "zebra"]), np.array([["g0", "g1"], ["g1", "g2"], ["123456789", "g0"]])
    ours = tie_hash(queries, gallery)
    theirs = [
        [finalised(int(query) << 32 ^ int(answer)) for answer in row]
        for query, row in zip(checksums(queries), checksums(gallery), strict=True)
    ]
    assert (ours.tolist(), ours.dtype) == (theirs, np.uint64)


def test_rows_are_ordered_by_falling_scores_and_then_by_the_rising_hash() -> None:
    hashes = np.array([[5, 4, 3, 2, 1]], np.uint64)
    first, second = np.array([[1.0, 2.0, 2.0, 2.0, 1.0]]), np.array([[0.0, 1.0, 3.0, 1.0, 0.0]])
    assert order_rows(hashes, first, second).tolist() == [[2, 3, 1, 4, 0]]
    assert order_rows(hashes, first).tolist() == [[3, 2, 1, 4, 0]]
    assert order_rows(hashes).tolist() == [[4, 3, 2, 1, 0]]
