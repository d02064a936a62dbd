"""Ties: equal scores are ordered by a hash of query and gallery id, the same on every machine."""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def tie_hash(query_ids: NDArray[np.str_], gallery_ids: NDArray[np.str_]) -> NDArray[np.uint64]:
    """A hash of each (query, candidate): query ids [q] with candidate ids [q, k] -> uint64 [q, k].

    CRC-32 of the ids, mixed by the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    return mixed(checksums(query_ids)[:, None], checksums(gallery_ids))


def checksums(ids: NDArray[np.str_]) -> NDArray[np.uint64]:
    """CRC-32 of each id, uint64 of the same shape."""
    names = ids.ravel().tolist()
    return np.fromiter(map(_crc, names), np.uint64, len(names)).reshape(ids.shape)


def mixed(queries: NDArray[np.uint64] | np.uint64, answers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of pairs of checksums, which may broadcast."""
    mixed = (queries << np.uint64(32)) ^ answers
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@lru_cache(maxsize=1 << 18)
def _crc(name: str) -> int:
    return zlib.crc32(name.encode())


def order_rows(hashes: NDArray[np.uint64], *scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The order of each row [q, k]: by the first scores falling, then the next ones, then the hash rising."""
    return np.lexsort((hashes, *(-s for s in reversed(scores))), axis=1)
