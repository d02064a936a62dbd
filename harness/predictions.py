"""Somebody else's ranked predictions as CSV: read and checked against a protocol, and written in the same form."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions
from harness.disk import explained, write_atomically
from harness.errors import DataError
from harness.prediction_file import FORM, Rows, mask, read_rows
from harness.stages.ties import tie_hash
from harness.table import ImageTable
from harness.types import NEW, Ids, Ranking


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a file of predictions says.

    ``ranking`` [q, k]: its gallery images; where ``level`` is ``identity``, one photograph stands for each individual,
    so that only what counts individuals may be read from it. ``decisions``: None where the file has no column ``new``.
    ``calibrated``: the file gives probabilities; else those in ``decisions`` are its plain 0 and 1. ``cut``: answers
    behind the end of the shortlist, left out.
    """

    ranking: Ranking
    level: Literal["image", "identity"]
    decisions: Decisions | None
    calibrated: bool
    cut: int


@dataclass(frozen=True, eq=False)
class _Task:
    """Whom to ask against what: ``query_scope`` [q], ``gallery_scope`` [g]."""

    query: ImageTable
    gallery: ImageTable
    query_scope: Ids
    gallery_scope: Ids

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Queries [q] in whose scope there is a gallery image."""
        return np.isin(self.query_scope, self.gallery_scope)


def read_predictions(
    path: Path, query: ImageTable, gallery: ImageTable, shortlist: int, query_scope: Ids, gallery_scope: Ids
) -> Predictions:
    """Read a file of the form in ``docs/import.md``; its rows may stand in any order.

    Args:
        query: [q] the queries of the protocol, each to be answered; ``gallery``: [g] what they are asked against.
        shortlist: the longest list that counts; shorter ones are padded, with -1 and ``-inf``.
        query_scope: [q], ``gallery_scope``: [g]; a query may be answered from its own scope only.

    Without ranks, answers are ordered by score, equal scores by the same hash as everywhere. Without scores, they are
    -1, -2, ... A query in whose scope the gallery is empty needs no row; it counts as decided to be new.

    Raises:
        DataError: what is wrong with file, line and value.
    """
    task = _Task(query, gallery, query_scope, gallery_scope)
    rows = read_rows(path)
    asked = rows.places("query", query.image_id)
    rows.refuse(asked < 0, "query", "is no query of this protocol")
    answer = _photographs(rows, asked, task) if rows.has("gallery") else _individuals(rows, asked, task)
    rows.refuse(_repeated(asked * len(gallery) + answer), _form(rows), "answers its query twice")
    _all_answered(rows, asked, task)
    order, place, scores = _ordered(rows, asked, answer, task)
    ranking = _ranking(asked[order], place, answer[order], scores, task, min(shortlist, len(gallery)))
    cut = int((place >= shortlist).sum())
    level: Literal["image", "identity"] = "image" if rows.has("gallery") else "identity"
    return Predictions(ranking, level, _decisions(rows, asked, ranking, task), rows.has("probability"), cut)


def write_predictions(path: Path, ranking: Ranking, decisions: Decisions | None = None) -> None:
    """Write a ranking, and what was decided, so that :func:`read_predictions` gives the same again.

    Raises:
        DataError: the decisions are about other queries. StoreError: the file cannot be written.
    """
    head, extra = ["query", "rank", "gallery", "score"], _extra(ranking, decisions)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head + (["new", "confidence", "probability"] if decisions else []))
    for query, order, scores in zip(ranking.query_ids.tolist(), ranking.order, ranking.scores.tolist(), strict=True):
        names = ranking.gallery_ids[order[order >= 0]].tolist()
        for place, (name, score) in enumerate(zip(names, scores, strict=False)):  # scores go on behind the padding
            writer.writerow((query, place + 1, name, score, *(extra[query] if place == 0 else extra[""])))
    with explained(path, "file of predictions", "path"):
        write_atomically(path, text.getvalue().encode())


def _extra(ranking: Ranking, decisions: Decisions | None) -> dict[str, tuple[Any, ...]]:
    """What stands behind the first answer of each query, by its id; and behind the others, by ""."""
    if decisions is None:
        return dict.fromkeys([*ranking.query_ids.tolist(), ""], ())
    if set(decisions.query_ids.tolist()) != set(ranking.query_ids.tolist()):
        raise DataError("the decisions are about other queries than the ranking", "Hand over both of one cell.")
    new = (decisions.identities == NEW).astype(int).tolist()
    values = zip(new, decisions.confidence.tolist(), decisions.probability.tolist(), strict=True)
    return {"": ("", "", ""), **dict(zip(decisions.query_ids.tolist(), values, strict=True))}


def _form(rows: Rows) -> Literal["gallery", "identity"]:
    return "gallery" if rows.has("gallery") else "identity"


def _photographs(rows: Rows, asked: NDArray[np.int64], task: _Task) -> NDArray[np.int64]:
    """The gallery row that each line answers, [n]."""
    answer = rows.places("gallery", task.gallery.image_id)
    rows.refuse((answer < 0) & (rows.places("gallery", task.query.image_id) >= 0), "gallery", "is itself a query")
    rows.refuse(answer < 0, "gallery", "is no gallery image of this protocol")
    rows.refuse(task.query_scope[asked] != task.gallery_scope[answer], "gallery", "is outside the query's scope")
    return answer


def _individuals(rows: Rows, asked: NDArray[np.int64], task: _Task) -> NDArray[np.int64]:
    """The first photograph, by image id, of the individual that each line answers, within its query's scope, [n]."""
    names, individual = np.unique(task.gallery.identity, return_inverse=True)
    _, group = np.unique(np.concatenate([task.gallery_scope, task.query_scope]), return_inverse=True)
    answered = rows.places("identity", names)
    rows.refuse(answered < 0, "identity", "is no individual of the gallery")
    by_id = np.argsort(task.gallery.image_id)
    pairs, first = np.unique((group[: len(individual)] * len(names) + individual)[by_id], return_index=True)
    wanted = group[len(individual) :][asked] * len(names) + answered
    place = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    rows.refuse(pairs[place] != wanted, "identity", "has no gallery image in the query's scope")
    return np.asarray(by_id[first[place]], np.int64)


def _repeated(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows [n] whose key stood in a row before."""
    _, first = np.unique(keys, return_index=True)
    return ~mask(len(keys), first)


def _all_answered(rows: Rows, asked: NDArray[np.int64], task: _Task) -> None:
    missing = task.query.image_id[task.answerable & (np.bincount(asked, minlength=len(task.query)) == 0)]
    if len(missing):
        raise DataError(
            f"{rows.name} has no answer to {len(missing)} of {len(task.query)} queries (first: {str(missing[0])!r})",
            "Answer every query of the protocol: a missing one would flatter the rest.",
        )


def _ordered(
    rows: Rows, asked: NDArray[np.int64], answer: NDArray[np.int64], task: _Task
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The rows by query and rank, and, in that order, the place of each in its list, from 0, and its score; all [n]."""
    score = rows.numbers("score") if rows.has("score") else None
    rank = rows.numbers("rank") if rows.has("rank") else None
    if rank is not None:
        order = np.lexsort((rank, asked))
    else:
        assert score is not None  # one of the two columns is there
        ties = tie_hash(task.query.image_id[asked], task.gallery.image_id[answer][:, None])[:, 0]
        order = np.lexsort((ties, -score, asked))
    same = np.append(False, asked[order][1:] == asked[order][:-1])
    place = np.arange(len(order)) - np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    if rank is not None:
        _check_ranks(rows, order, place, rank)
    if score is None:
        return order, place, -(place + 1).astype(np.float64)
    rises = same & np.append(False, np.diff(score[order]) > 0)
    rows.refuse(mask(len(order), order[rises]), "score", "is higher than the score one rank before")
    return order, place, score[order]


def _check_ranks(rows: Rows, order: NDArray[np.int64], place: NDArray[np.int64], rank: NDArray[np.float64]) -> None:
    """Each query's ranks must be 1, 2, 3, ..."""
    rows.refuse((rank < 1) | (rank != np.floor(rank)), "rank", "is no whole number from 1 on")
    ranked = rank[order]
    twice = (place > 0) & np.append(False, ranked[1:] == ranked[:-1])
    rows.refuse(mask(len(order), order[twice]), "rank", "stands twice for its query")
    rows.refuse(mask(len(order), order[ranked != place + 1]), "rank", "leaves a gap: ranks are 1, 2, 3, ...")


def _ranking(
    asked: NDArray[np.int64],
    place: NDArray[np.int64],
    answer: NDArray[np.int64],
    scores: NDArray[np.float64],
    task: _Task,
    width: int,
) -> Ranking:
    """Lists [q, width] from rows [n]."""
    shape, kept = (len(task.query), width), place < width
    order, values = np.full(shape, -1, np.int32), np.full(shape, -np.inf)
    order[asked[kept], place[kept]] = answer[kept]
    values[asked[kept], place[kept]] = scores[kept]
    return Ranking(task.query.image_id, task.gallery.image_id, order, values)


def _decisions(rows: Rows, asked: NDArray[np.int64], ranking: Ranking, task: _Task) -> Decisions | None:
    """The identity of the first answer where ``new`` is 0, NEW elsewhere."""
    if not rows.has("new"):
        return None
    new = _per_query(rows, asked, "new", task, otherwise=1.0)
    sure = 1 - new
    if rows.has("confidence"):
        sure = _per_query(rows, asked, "confidence", task, otherwise=None)
    known = _per_query(rows, asked, "probability", task, otherwise=0.0) if rows.has("probability") else 1 - new
    answers = np.append(task.gallery.identity, NEW)[ranking.order[:, 0]]  # -1, no candidate, is the last: NEW
    return Decisions(ranking.query_ids, np.where(new == 0, answers, NEW), sure, known)


def _per_query(
    rows: Rows, asked: NDArray[np.int64], column: str, task: _Task, otherwise: float | None
) -> NDArray[np.float64]:
    """What a column says of each query [q]: it may stand in one of the query's rows or in several.

    ``otherwise``: for a query that cannot have a row; None for the lowest of the others.
    """
    given = np.flatnonzero((rows.frame[column] != "").to_numpy(dtype=bool))
    values, whose = rows.numbers(column, given), asked[given]
    low, high = {"new": (0.0, 1.0), "probability": (0.0, 1.0)}.get(column, (-np.inf, np.inf))
    wrong = (values < low) | (values > high) | ((column == "new") & (values != np.floor(values)))
    rows.refuse(mask(len(asked), given[wrong]), column, f"is not {'0 or 1' if column == 'new' else 'within 0 to 1'}")
    said = np.full(len(task.query), np.nan)
    said[whose[::-1]] = values[::-1]  # the first row of a query comes last, and stays
    rows.refuse(mask(len(asked), given[said[whose] != values]), column, "differs from another row of its query")
    silent = np.isnan(said)
    if (silent & task.answerable).any():
        name = str(task.query.image_id[silent & task.answerable][0])
        raise DataError(f"{rows.name}: no row of query {name!r} has a value in {column!r}", f"Fill it. {FORM}")
    said[silent] = otherwise if otherwise is not None else said[~silent].min()
    return said
