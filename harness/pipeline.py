"""One cell from its global ranking to its score: fuse, decide, score on top of the coarse and the fine half."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from harness.answers import Decisions, QueryScores, Shortlist
from harness.audit.compared import compared
from harness.audit.leaks import find_leaks
from harness.cell import Cell
from harness.contracts import Fusion
from harness.global_stages import GlobalStages, as_ranking, from_ranking
from harness.keys import PARTS, Keys, Part
from harness.local_stages import LocalStages
from harness.protocol import Data
from harness.scoring import Finished, score
from harness.stages.decide import answered, decide, query_scores, query_truth
from harness.stages.fuse import candidate_truth, fuse, without
from harness.stages.probability import Probability
from harness.store import Store, Value
from harness.types import Ranking
from harness.views import Asked, asked
from harness.workbench import StageProgress, Tally, Workbench


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
        self.fine = LocalStages(self.bench, data, self.keys)

    def run(self, cell: Cell) -> tuple[Value, Tally]:
        """The scored cell (metrics in ``info``, outcomes per query in ``arrays``) and what its stages cost."""
        self.bench.begin()
        key = self.keys.score(cell)
        value = self.bench.fetch(key, lambda _: self._scored(cell), len(self.keys.asked["query"]))
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

    def _shortlist(self, cell: Cell, part: Part) -> Shortlist:
        """What the cell's fusion, and its open-set rule, may look at."""
        ranking, depth = self.coarse.ranking(cell, part), cell.neighbours
        local = self.fine.pairs(cell, part, ranking) if cell.matcher else None
        return Shortlist(ranking, local, self.coarse.neighbours(cell, part, depth) if depth else None)

    def _fitted(self, cell: Cell, shortlist: Shortlist) -> Fusion:
        """The fusion, fitted on the validation shortlist without pairs of an image and its own copy."""
        assert cell.fusion is not None
        asked, gallery = self.keys.asked["validation"], self.keys.gallery["validation"]
        ranking = shortlist.ranking
        copies = (gallery.digest[ranking.order] == asked.digest[:, None]) & (ranking.order >= 0)
        seen = without(shortlist, copies)
        fusion: Fusion = cell.fusion.build()
        return fusion.fit(seen, candidate_truth(seen.ranking, asked.identity, gallery.identity))

    def _final(self, cell: Cell, shortlists: dict[Part, Shortlist]) -> dict[Part, Ranking]:
        """The rankings that count: the global ones, or re-ranked by the fusion fitted on validation."""
        if cell.fusion is None:
            return {part: shortlist.ranking for part, shortlist in shortlists.items()}
        fitted = self._fitted(cell, shortlists["validation"])
        return {part: self._fused(cell, part, fitted, shortlist) for part, shortlist in shortlists.items()}

    def _fused(self, cell: Cell, part: Part, fitted: Fusion, shortlist: Shortlist) -> Ranking:
        key = self.keys.fuse(cell, part)
        assert key is not None
        asked, gallery = self.keys.asked[part], self.keys.gallery[part]
        value = self.bench.fetch(key, lambda _: from_ranking(fuse(fitted, shortlist)), len(asked))
        return as_ranking(value, asked, gallery)

    def _decided(self, cell: Cell, shortlists: dict[Part, Shortlist], final: dict[Part, Ranking]) -> Decisions | None:
        key = self.keys.decide(cell)
        if key is None:
            return None
        query = self.keys.asked["query"]
        value = self.bench.fetch(key, lambda _: self._decide(cell, shortlists, final), len(query))
        identities = np.array(value.info["identities"], dtype=np.str_)
        return Decisions(query.image_id, identities, value.arrays["confidence"], value.arrays["probability"])

    def _decide(self, cell: Cell, shortlists: dict[Part, Shortlist], final: dict[Part, Ranking]) -> Value:
        assert cell.openset is not None
        asked, gallery = self.keys.asked, self.keys.gallery
        scores = {part: self._query_scores(part, shortlists[part], final[part]) for part in PARTS}
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
        shortlists: dict[Part, Shortlist] = {part: self._shortlist(cell, part) for part in PARTS}
        final = self._final(cell, shortlists)
        decisions, classified = self._decided(cell, shortlists, final), self.coarse.classified(cell)
        return Finished(shortlists["query"].ranking, final["query"], decisions, classified)

    def _scored(self, cell: Cell) -> Value:
        done, trained = self.finish(cell), self.coarse.trained(cell)
        self.bench.progress.stage("score")
        value = score(self.data.protocol, self.asked, done)
        history = trained.info["history"] if trained else []
        return Value(value.arrays, {**value.info, "history": history, "seconds": dict(self.bench.tally.seconds)})
