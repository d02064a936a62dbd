"""The stage ``match``: count the matches of each (query, candidate) pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Matcher, Progress
from harness.errors import PluginError
from harness.types import LocalFeatures, PairMatches

Pair = tuple[str, str]


def match(
    matcher: Matcher,
    pairs: Sequence[Pair],
    lookup: Callable[[str], LocalFeatures],
    chunk: int,
    progress: Progress,
) -> Iterator[tuple[list[Pair], dict[str, NDArray[np.float32]]]]:
    """Match (query id, candidate id) pairs and yield them in finished chunks of at most ``chunk`` pairs.

    The candidates of a query come together, queries in the order of their first pair; an image is looked up once a
    chunk, and a matcher sees one object for it. A chunk comes with ``count`` (matches), ``confidence`` (sum of their
    scores) and ``inliers``, each float32 [m].

    Raises:
        PluginError: the matcher gives a wrong number of results.
    """
    progress.start(len(pairs), "pairs")
    ordered = _by_query(pairs)
    for start in range(0, len(ordered), chunk):
        block = ordered[start : start + chunk]
        described = {name: lookup(name) for name in dict.fromkeys(name for pair in block for name in pair)}
        found = matcher.match([(described[query], described[candidate]) for query, candidate in block])
        if len(found) != len(block):
            raise PluginError(
                f"the matcher matched {len(found)} of {len(block)} pairs", "Return one PairMatches a pair, in order."
            )
        progress.advance(len(block))
        yield block, _summary(found)


def _by_query(pairs: Sequence[Pair]) -> list[Pair]:
    first: dict[str, int] = {}
    for query, _ in pairs:
        first.setdefault(query, len(first))
    return sorted(pairs, key=lambda pair: first[pair[0]])


def _summary(found: Sequence[PairMatches]) -> dict[str, NDArray[np.float32]]:
    return {
        "count": np.array([len(m.indices) for m in found], np.float32),
        "confidence": np.array([m.scores.sum(dtype=np.float64) for m in found], np.float32),
        "inliers": np.array([m.inliers.sum() for m in found], np.float32),
    }
