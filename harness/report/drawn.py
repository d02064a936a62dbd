"""Which pairs of a ranking have their matches drawn: those that a reader would ask for first."""

from __future__ import annotations

from harness.replay import Replay

Pair = tuple[int, int]
"""(row of the queries, row of the gallery)."""


def drawn_pairs(replay: Replay, most: int) -> list[Pair]:
    """At most so many pairs, the same whenever it is asked."""
    order = replay.final.order
    return [(query, int(order[query, 0])) for query in range(min(most, len(order))) if order[query, 0] >= 0]
