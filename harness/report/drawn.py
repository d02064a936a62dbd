"""Which pairs of a ranking have their matches drawn: those that a reader would ask for first."""

from __future__ import annotations

from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from harness.replay import Replay
from harness.report.answers import Answers

Pair = tuple[int, int]
"""(row of the queries, row of the gallery)."""
TAKEN = "new, taken for known"
KINDS = ("rescued", "broken", "wrong", TAKEN, "right", "new")
"""Kinds of queries in the order of their turns."""
A_KIND = 1000
"""Most queries of a kind that are looked at."""


def kinds(replay: Replay, answers: Answers) -> NDArray[np.str_]:
    """The kind of each query, :data:`TAKEN` where the row's own open-set rule took a new one for known; [q].

    Raises:
        Gone: the store no longer has what the rule said.
    """
    decisions = replay.decisions
    if decisions is None:
        return answers.kind
    return np.where(~answers.known & (decisions.identities != ""), TAKEN, answers.kind)


def drawn_pairs(replay: Replay, answers: Answers, most: int) -> list[Pair]:
    """At most so many pairs, the same whenever it is asked; those of one query beside each other.

    Of one query of each kind in turn: its first answer, the first answer before re-ranking where that is another, and
    the best right candidate where neither shows the query's individual. The first answers of all kinds come before any
    second pair, so that each kind is there however few are asked for.
    """
    kind = kinds(replay, answers)
    queries = [np.flatnonzero(kind == name)[:A_KIND].tolist() for name in KINDS]
    pairs: dict[Pair, None] = {}
    for turn in zip_longest(*queries):
        if len(pairs) >= most:
            break
        asked = zip_longest(*(_pairs(replay, answers, query) for query in turn if query is not None))
        pairs |= dict.fromkeys(pair for pair in chain.from_iterable(asked) if pair is not None)
    return _by_query(list(pairs)[:most])


def _by_query(pairs: list[Pair]) -> list[Pair]:
    turns = {query: turn for turn, query in enumerate(dict.fromkeys(query for query, _ in pairs))}
    return sorted(pairs, key=lambda pair: turns[pair[0]])


def _pairs(replay: Replay, answers: Answers, query: int) -> list[Pair]:
    final, coarse = replay.final.order[query], replay.coarse.order[query]
    if not len(final) or final[0] < 0:
        return []
    found = [int(final[0]), int(coarse[0])]
    if not (answers.right[query, 0] or answers.right_before[query, 0]) and answers.after[query]:
        found.append(int(final[answers.after[query] - 1]))
    return [(query, gallery) for gallery in dict.fromkeys(found)]
