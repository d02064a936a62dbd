"""How much a report shows, so that it stays small however large the data set is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """All of them per protocol, but ``thumbnails``, which is for the whole report.

    Attributes:
        answers: rankings times queries that can be browsed: the best rankings have their queries shown, as many as fit.
        candidates: places of a shortlist that are shown of a query, before and after re-ranking.
        thumbnails: photographs that are shown in small.
        pairs: pairs of a ranking whose matches are drawn.
        points: photographs in an atlas.
        atlases: embeddings that have an atlas.
        compared: best rankings that are tested against each other.
    """

    answers: int = 100_000
    candidates: int = 5
    thumbnails: int = 5_000
    pairs: int = 30
    points: int = 1_500
    atlases: int = 3
    compared: int = 20
