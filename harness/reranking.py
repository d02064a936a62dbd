"""The re-ranking of a cell: match the shortlist, fit the fusion on validation, fuse."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.answers import Shortlist
from harness.cell import Cell
from harness.contracts import Fusion
from harness.global_stages import GlobalStages, as_ranking, from_ranking
from harness.keys import PARTS, Keys, Part
from harness.local_stages import LocalStages
from harness.stages.cascade import answers_needed, calibrate, matched
from harness.stages.fuse import candidate_truth, fuse, without
from harness.store import Value
from harness.types import Ranking
from harness.workbench import Workbench


@dataclass(frozen=True, eq=False)
class Reranked:
    """What re-ranking ends with: what fusion and open-set rule may look at, the rankings that count, and numbers of
    pairs for the record."""

    shortlists: Mapping[Part, Shortlist]
    final: Mapping[Part, Ranking]
    counts: Mapping[str, int]


class Reranking:
    """Re-ranks the queries and the validation images of cells of one data set under one protocol."""

    def __init__(self, bench: Workbench, keys: Keys, coarse: GlobalStages, fine: LocalStages) -> None:
        self.bench, self.keys, self.coarse, self.fine = bench, keys, coarse, fine

    def reranked(self, cell: Cell) -> Reranked:
        """The global rankings, or those re-ranked by the fusion that is fitted on validation."""
        if cell.cascade:
            return self._cascaded(cell)
        shortlists = {part: self._shortlist(cell, part) for part in PARTS}
        if cell.fusion is None:
            return Reranked(shortlists, {part: shortlist.ranking for part, shortlist in shortlists.items()}, {})
        return self._fused(cell, self._fitted(cell, shortlists["validation"]), shortlists)

    def _cascaded(self, cell: Cell) -> Reranked:
        """The validation shortlists are matched in full, which calibrates what is left out; then it counts there too,
        so that an open-set rule is fitted on validation as it was queried."""
        full = self._shortlist(cell, "validation")
        fitted = self._fitted(cell, full)
        key, queries = self.keys.cascade(cell), sum(len(self.keys.asked[part]) for part in PARTS)
        assert key is not None
        value = self.bench.fetch(key, lambda _: self._matched(cell, fitted, full), queries)
        done = self._fused(cell, fitted, {part: self._shortlist(cell, part, value.arrays[part]) for part in PARTS})
        return replace(done, counts={**done.counts, **value.info["counts"]})

    def _shortlist(self, cell: Cell, part: Part, chosen: NDArray[np.bool_] | None = None) -> Shortlist:
        """The shortlist with its matches; only those ``chosen`` [q, k], where given."""
        ranking = self.coarse.ranking(cell, part)
        local = self.fine.pairs(cell, part, ranking, chosen) if cell.matcher else None
        return Shortlist(ranking, local and replace(local, matched=chosen), self._neighbours(cell, part))

    def _neighbours(self, cell: Cell, part: Part) -> Ranking | None:
        return self.coarse.neighbours(cell, part, cell.neighbours) if cell.neighbours else None

    def _fitted(self, cell: Cell, validation: Shortlist) -> Fusion:
        assert cell.fusion is not None
        fusion: Fusion = cell.fusion.build()
        return fusion.fit(*self._seen(validation))

    def _seen(self, validation: Shortlist) -> tuple[Shortlist, NDArray[np.bool_]]:
        """The shortlist without pairs of an image and its own copy, and which of its candidates are right."""
        asked, gallery = self.keys.asked["validation"], self.keys.gallery["validation"]
        ranking = validation.ranking
        copies = (gallery.digest[ranking.order] == asked.digest[:, None]) & (ranking.order >= 0)
        seen = without(validation, copies)
        return seen, candidate_truth(seen.ranking, asked.identity, gallery.identity)

    def _matched(self, cell: Cell, fitted: Fusion, validation: Shortlist) -> Value:
        """Which candidates the cascade matches, by the rule that is calibrated on validation."""
        rule = calibrate(fitted, *self._seen(validation), cell.cascade)
        if rule.allowed < 0:
            warnings.warn(
                f"cascade={cell.cascade:g} matches every candidate: validation has {rule.answers} right first answers, "
                f"{answers_needed(cell.cascade)} would show this risk",
                stacklevel=2,
            )
        arrays: dict[str, NDArray[np.bool_]] = {}
        for part in PARTS:
            ranking = self.coarse.ranking(cell, part)
            pairs = partial(self.fine.pairs, cell, part, ranking)
            arrays[part] = matched(fitted, ranking, self._neighbours(cell, part), pairs, rule.threshold)
        counts = {"n_cascade_calibration": rule.answers, "n_cascade_losses_allowed": rule.allowed}
        return Value(arrays, {"counts": counts})

    def _fused(self, cell: Cell, fitted: Fusion, shortlists: Mapping[Part, Shortlist]) -> Reranked:
        final = {part: self._final(cell, part, fitted, shortlist) for part, shortlist in shortlists.items()}
        return Reranked(shortlists, final, _pairs(shortlists["query"]))

    def _final(self, cell: Cell, part: Part, fitted: Fusion, shortlist: Shortlist) -> Ranking:
        key = self.keys.fuse(cell, part)
        assert key is not None
        asked, gallery = self.keys.asked[part], self.keys.gallery[part]
        value = self.bench.fetch(key, lambda _: from_ranking(fuse(fitted, shortlist)), len(asked))
        return as_ranking(value, asked, gallery)


def _pairs(shortlist: Shortlist) -> dict[str, int]:
    """How many pairs of the queries were matched, and how many there are; empty without a matcher."""
    local, full = shortlist.local, int((shortlist.ranking.order >= 0).sum())
    if local is None:
        return {}
    return {"pairs": full if local.matched is None else int(local.matched.sum()), "pairs_full": full}
