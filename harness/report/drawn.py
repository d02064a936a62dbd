"""Which pairs of a ranking have their matches drawn: those that a reader would ask for first."""

from __future__ import annotations

from itertools import chain, zip_longest

import numpy as np

from harness.replay import Replay
from harness.report.answers import KINDS, Answers

Pair = tuple[int, int]
"""(row of the queries, row of the gallery)."""
A_KIND = 1000
"""Most queries of a kind that are looked at."""


def drawn_pairs(replay: Replay, answers: Answers, most: int) -> list[Pair]:
    """At most so many pairs, the same whenever it is asked.

    Of each kind of query in turn: its first answer, the first answer before re-ranking where that is another, and the
    best right candidate where neither shows the query's individual.
    """
    queries = [np.flatnonzero(answers.kind == kind)[:A_KIND].tolist() for kind in KINDS]
    turns = (query for query in chain.from_iterable(zip_longest(*queries)) if query is not None)
    pairs: dict[Pair, None] = {}
    for query in turns:
        if len(pairs) >= most:
            break
        pairs.update(dict.fromkeys(_pairs(replay, answers, query)))
    return list(pairs)[:most]


def _pairs(replay: Replay, answers: Answers, query: int) -> list[Pair]:
    final, coarse = replay.final.order[query], replay.coarse.order[query]
    if not len(final) or final[0] < 0:
        return []
    found = [int(final[0]), int(coarse[0])]
    if not (answers.right[query, 0] or answers.right_before[query, 0]) and answers.after[query]:
        found.append(int(final[answers.after[query] - 1]))
    return [(query, gallery) for gallery in dict.fromkeys(found)]
