"""One cell from its ranking to its score: decide and score on top of the coarse half and the re-ranking."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from harness.answers import Decisions, QueryScores, Shortlist
from harness.audit.compared import compared
from harness.audit.leaks import find_leaks
from harness.cell import Cell
from harness.global_stages import GlobalStages
from harness.keys import PARTS, Keys, Part
from harness.local_stages import LocalStages
from harness.protocol import Data
from harness.reranking import Reranked, Reranking
from harness.scoring import Finished, score
from harness.stages.decide import answered, decide, query_scores, query_truth
from harness.stages.probability import Probability
from harness.stopwatch import StageProgress
from harness.store import Store, Value
from harness.types import Ranking
from harness.views import Asked, asked
from harness.workbench import Tally, Workbench


class Pipeline:
    """Runs the stages of cells of one data set under one protocol.

    Args:
        store: where results are kept.
        data: rows with roles.
        device: ``cpu`` or ``cuda``.
        progress: told of long work.
        finished: called with (stage, key, seconds, cached) when a stage has ended.
    """

    def __init__(
        self, store: Store, data: Data, device: str, progress: StageProgress, finished: Callable[..., Any]
    ) -> None:
        self.data, self.keys = data, Keys(data, device)
        self.bench = Workbench(store, progress, finished)
        self.coarse = GlobalStages(self.bench, data, self.keys, device)
        self.reranking = Reranking(self.bench, self.keys, self.coarse, LocalStages(self.bench, data, self.keys))

    def run(self, cell: Cell) -> tuple[Value, Tally]:
        """The scored cell (metrics in ``info``, outcomes per query in ``arrays``) and what its stages cost."""
        self.bench.begin()
        key = self.keys.score(cell)
        # Before the score's lock is taken: a second process at the same cell then shares the work of its stages.
        done = None if self.bench.store.has(key) else self.finish(cell)
        value = self.bench.fetch(key, lambda _: self._scored(cell, done), len(self.keys.asked["query"]))
        if self.bench.tally.cached["score"]:
            for stage, seconds in value.info["seconds"].items():
                self.bench.tally.add(stage, seconds, True)
        return value, self.bench.tally

    def finished(self, cell: Cell) -> bool:
        """Whether the cell's score is in the store, and whole."""
        return self.bench.store.read(self.keys.score(cell)) is not None

    @cached_property
    def asked(self) -> Asked:
        """The queries with what each sees, and whether it leaks; the same for all cells."""
        query, gallery, protocol = self.keys.asked["query"], self.keys.gallery["query"], self.data.protocol
        scopes = self.data.scope(query), self.data.scope(gallery)
        leaked = np.zeros(len(query), np.bool_)
        if protocol.leaks:
            photographs = compared(self.bench, query, gallery, *scopes) if "photograph" in protocol.leaks else None
            leaked = find_leaks(query, gallery, *scopes, protocol.leaks, protocol.near_bits, photographs).any()
        return asked(query, gallery, scopes, leaked)

    def _decided(self, cell: Cell, done: Reranked) -> Decisions | None:
        key = self.keys.decide(cell)
        if key is None:
            return None
        query = self.keys.asked["query"]
        value = self.bench.fetch(key, lambda _: self._decide(cell, done), len(query))
        identities = np.array(value.info["identities"], dtype=np.str_)
        return Decisions(query.image_id, identities, value.arrays["confidence"], value.arrays["probability"])

    def _decide(self, cell: Cell, done: Reranked) -> Value:
        assert cell.openset is not None
        asked, gallery, final = self.keys.asked, self.keys.gallery, done.final
        scores = {part: self._query_scores(part, done.shortlists[part], final[part]) for part in PARTS}
        seen, known = asked["validation"], asked["validation"].known
        truth = query_truth(final["validation"], known, seen.identity, gallery["validation"].identity)
        fitted = cell.openset.build().fit(scores["validation"], truth)
        probability = Probability.fit(answered(fitted, scores["validation"])[1], known)
        made = decide(fitted, scores["query"], final["query"], gallery["query"].identity, probability)
        arrays = {"confidence": made.confidence, "probability": made.probability}
        return Value(arrays, {"identities": made.identities.tolist()})

    def _query_scores(self, part: Part, shortlist: Shortlist, final: Ranking) -> QueryScores:
        asked, gallery = self.keys.asked[part], self.keys.gallery[part]
        return query_scores(shortlist.ranking, final, shortlist.local, asked.dataset, gallery.identity)

    def finish(self, cell: Cell) -> Finished:
        """Everything that is scored: rankings, decisions, and what a plain classifier says."""
        done = self.reranking.reranked(cell)
        decisions, classified = self._decided(cell, done), self.coarse.classified(cell)
        coarse, final = done.shortlists["query"].ranking, done.final["query"]
        return Finished(coarse, final, decisions, classified, counts=done.counts)

    def _scored(self, cell: Cell, done: Finished | None) -> Value:
        done, trained = done or self.finish(cell), self.coarse.trained(cell)
        self.bench.progress.stage("score")
        value = score(self.data.protocol, self.asked, done)
        history = trained.info["history"] if trained else []
        return Value(value.arrays, {**value.info, "history": history, "seconds": dict(self.bench.tally.seconds)})
