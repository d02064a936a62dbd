"""The background audit: which queries are looked at, and what their versions show about matchers and embedding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audit.altered import ORIGINAL
from harness.audit.on_animal import Share
from harness.errors import DataError
from harness.metrics.intervals import Column, Estimate, mean
from harness.metrics.ranking import within_at_random
from harness.metrics.significance import Paired, compare, holm
from harness.table import ImageTable

Versions = Mapping[str, Column]
"""Version -> R-1's outcome of each query [q]."""


@dataclass(frozen=True)
class Answer:
    """R-1 under a version of the queries. ``change``: to their originals, paired by query; ``p`` of the sign-flip test
    by identity, with Holm's correction for all changes of the report; None for the originals themselves."""

    version: str
    r1: Estimate
    change: Estimate | None
    p: float | None


@dataclass(frozen=True)
class Looked:
    """What was seen of the embedding or of a matcher.

    ``answers``: of the embedding, over the gallery; of a matcher, its candidates by the number of matches, equal ones
    by the embedding of the original. ``alone``: of a matcher, with equal ones in random order on average, so that no
    match at all is worth ``chance``: the R-1 of a random order of the candidates. ``shares``: where its matches lie.
    """

    name: str
    answers: tuple[Answer, ...]
    alone: tuple[Answer, ...]
    chance: Estimate
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True)
class Background:
    """The audit of a data set under a protocol.

    Attributes:
        masks: ``exact``, or who guessed them.
        settings: queries that were drawn, candidates asked for, and the seed.
        left_out: known queries that were drawn and passed over: their mask shows no animal, or no background.
        within: R-K of the K candidates that the matchers get.
        embedding, matchers: what was seen; ``skipped``: matcher -> why it was not looked at.
    """

    dataset: str
    protocol: str
    protocol_hash: str
    masks: str
    settings: Mapping[str, int]
    left_out: int
    within: Estimate
    embedding: Looked
    matchers: tuple[Looked, ...]
    skipped: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def in_turn(identity: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """All places of ``identity`` [n] in random order, an image of each individual before the second of any."""
    rng = np.random.default_rng([seed, 13])
    order = rng.permutation(len(identity))
    met: Counter[str] = Counter()
    turns = []
    for name in identity[order].tolist():
        turns.append(met[name])
        met[name] += 1
    return order[np.argsort(turns, kind="stable")]


def elsewhere(table: ImageTable, row: int, seed: int) -> NDArray[np.int64]:
    """The rows of a table whose background may stand behind the animal of ``row``, in random order.

    They show another individual and, as far as encounters are known, another encounter.

    Raises:
        DataError: there is none.
    """
    same = (table.group == table.group[row]) & (table.group != "")
    rows = np.flatnonzero((table.identity != table.identity[row]) & ~same)
    if not len(rows):
        raise DataError(
            f"no query has another individual and another encounter than {str(table.image_id[row])!r}, "
            "so that there is no other background for it",
            "Audit a data set whose queries show several individuals in several encounters.",
        )
    return np.random.default_rng([seed, 17, row]).permutation(rows)


def by_count(right: NDArray[np.bool_], count: NDArray[np.float64]) -> tuple[Column, Column]:
    """R-1's outcome [q] of candidates [q, k] by their count: with equal ones as they stand, and in random order.

    ``right`` tells which candidates are the query's individual; the count of a place without one is ``-inf``.
    """
    order = np.argsort(-count, axis=1, kind="stable")
    ordered, falling = np.take_along_axis(right, order, 1), np.take_along_axis(count, order, 1)
    return np.asarray(ordered[:, :1].any(axis=1), np.float64), within_at_random(ordered, falling, 1)


def compared(rows: Mapping[str, Versions], identity: NDArray[np.str_]) -> dict[str, tuple[Answer, ...]]:
    """Estimates of every row and version, each version against the originals of its row; ``identity`` [q]."""
    family = [(name, version) for name, row in rows.items() for version in row if version != ORIGINAL]
    tests = [compare(rows[name][version], rows[name][ORIGINAL], identity, len(family)) for name, version in family]
    corrected = holm([test.p_identity for test in tests])
    found = dict(zip(family, zip(tests, corrected, strict=True), strict=True))
    return {name: tuple(_answer(v, row[v], identity, found.get((name, v))) for v in row) for name, row in rows.items()}


def _answer(version: str, right: Column, identity: NDArray[np.str_], found: tuple[Paired, float] | None) -> Answer:
    change, p = (found[0].difference, found[1]) if found else (None, None)
    return Answer(version, mean(right, identity), change, p)
