"""Matching through the store: the pairs that are missing, shard by shard, so that several processes share the work."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.choice import Choice
from harness.features_reader import FeatureReader
from harness.packed import PairSummary
from harness.pairs import Pairs
from harness.stages.match import match
from harness.store import Key, Store
from harness.workbench import Workbench, gathered

SHARD = 128
"""Queries whose pairs are matched under one lock."""

Rows = NDArray[np.int64]


def match_missing(
    bench: Workbench, known: Pairs, codes: Rows, queries: Rows, matcher: Choice, features: FeatureReader
) -> None:
    """Match the pairs that are not in the store.

    Args:
        known: the pairs of this matcher.
        codes: of the pairs that are wanted [n]; ``queries`` [n]: the row of each pair's query.
    """
    missing = known.missing(codes)
    if not len(missing):
        return
    features.hold(np.unique(known.images(codes[missing])))
    built = matcher.build()
    bench.progress.start(len(missing), "pairs")
    for places in _shards(bench.store, known.key, queries[missing]):
        known.refresh()
        own = codes[missing[places]]
        absent = own[known.missing(own)]
        bench.progress.advance(len(own) - len(absent))
        found = match(built, known.images(absent), features, features.room, bench.progress)
        for parts, seconds in gathered(found):
            rows = np.concatenate([part[0] for part in parts])
            known.append(absent[rows], PairSummary.joined([part[1] for part in parts]), seconds)
            bench.timings.add(known.key.stage, len(rows), seconds, known.key.kind)
        known.tidy()


def _shards(store: Store, key: Key, queries: Rows) -> Iterator[Rows]:
    """The places of each shard's queries, under its lock; shards that another process holds come last."""
    shards = queries // SHARD
    left = np.unique(shards).tolist()
    for wait in (False, True):
        for shard in list(left):
            with store.lock(key, f".{shard}", wait) as mine:
                if mine:
                    left.remove(shard)
                    yield np.flatnonzero(shards == shard)
