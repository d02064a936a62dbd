"""One cell from its global ranking to its score: fuse, decide, score on top of the coarse and the fine half."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from harness.cell import Cell
from harness.contracts import Fusion
from harness.global_stages import GlobalStages, as_ranking, from_ranking
from harness.keys import PARTS, Keys, Part
from harness.local_stages import LocalStages
from harness.protocol import Data
from harness.scoring import score
from harness.stages.decide import decide, query_scores
from harness.stages.fuse import candidate_truth, fuse
from harness.store import Store, Value
from harness.types import Decisions, PairScores, Ranking
from harness.workbench import StageProgress, Tally, Workbench

Final = dict[Part, tuple[Ranking, PairScores | None]]
"""Per part: the final ranking, and the pair scores aligned with the *global* shortlist."""


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

    def _final(self, cell: Cell) -> Final:
        """The rankings that count: the global ones, or re-ranked by the fusion fitted on validation."""
        rankings = {part: self.coarse.ranking(cell, part) for part in PARTS}
        if cell.matcher is None or cell.fusion is None:
            return {part: (ranking, None) for part, ranking in rankings.items()}
        local = {part: self.fine.pairs(cell, part, ranking) for part, ranking in rankings.items()}
        asked, gallery = self.keys.asked["validation"], self.keys.gallery["validation"]
        truth = candidate_truth(rankings["validation"], asked.identity, gallery.identity)
        fitted = cell.fusion.build().fit(rankings["validation"], local["validation"], truth)
        return {part: (self._fused(cell, part, fitted, rankings[part], local[part]), local[part]) for part in PARTS}

    def _fused(self, cell: Cell, part: Part, fitted: Fusion, ranking: Ranking, local: PairScores) -> Ranking:
        key = self.keys.fuse(cell, part)
        assert key is not None
        compute = partial(fuse, fitted, ranking, local)
        value = self.bench.fetch(key, lambda _: from_ranking(compute()), len(ranking.query_ids))
        return as_ranking(value, self.keys.asked[part], self.keys.gallery[part])

    def _decided(self, cell: Cell, final: Final) -> Decisions | None:
        key, rule = self.keys.decide(cell), cell.openset
        if key is None or rule is None:
            return None
        asked, gallery = self.keys.asked, self.keys.gallery["query"]

        def compute() -> Value:
            scores = {part: query_scores(self.coarse.ranking(cell, part), *final[part]) for part in PARTS}
            fitted = rule.build().fit(scores["validation"], asked["validation"].known)
            made = decide(fitted, scores["query"], final["query"][0], gallery.identity)
            return Value({"confidence": made.confidence}, {"identities": made.identities.tolist()})

        value = self.bench.fetch(key, lambda _: compute(), len(asked["query"]))
        identities = np.array(value.info["identities"], dtype=np.str_)
        return Decisions(asked["query"].image_id, identities, value.arrays["confidence"])

    def _scored(self, cell: Cell) -> Value:
        final = self._final(cell)
        decisions, classified = self._decided(cell, final), self.coarse.classified(cell)
        trained = self.coarse.trained(cell)
        self.bench.progress.stage("score")
        query, gallery = self.keys.asked["query"], self.keys.gallery["query"]
        before, after = self.coarse.ranking(cell, "query"), final["query"][0]
        value = score(self.data.protocol, query, gallery, before, after, decisions, classified)
        history = trained.info["history"] if trained else []
        return Value(value.arrays, {**value.info, "history": history, "seconds": dict(self.bench.tally.seconds)})
