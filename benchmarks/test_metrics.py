"""All metrics and views of 30,000 queries x 100 candidates with 1,000 resamples, against one sort of the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.answers import Decisions
from harness.metrics.intervals import RESAMPLES
from harness.protocol import Protocol
from harness.scoring import Finished, score
from harness.table import ImageTable
from harness.types import NEW, Ranking
from harness.views import Asked, asked

QUERIES, GALLERY, INDIVIDUALS, SHORTLIST = 30_000, 110_000, 10_000, 100


def table(role: str, n: int, rng: np.random.Generator, highest: int) -> ImageTable:
    ids = np.array([f"{role}{i}" for i in range(n)])
    identity = np.array([f"a{i}" for i in rng.integers(0, highest, n)])
    dataset = np.array([f"set{i}" for i in rng.integers(0, 37, n)])
    species = np.array([f"species{i}" for i in rng.integers(0, 22, n)])
    sides = np.array(["left", "right"])[rng.integers(0, 2, n)]
    return ImageTable(
        Path(), ids, ids, identity, species=species, dataset=dataset, role=np.full(n, role), orientation=sides
    )


@pytest.fixture(scope="module")
def finished() -> tuple[Asked, Finished]:
    rng = np.random.default_rng(0)
    query, gallery = table("query", QUERIES, rng, INDIVIDUALS + 2500), table("gallery", GALLERY, rng, INDIVIDUALS)
    query = query.with_columns(known=np.isin(query.identity, gallery.identity))
    order = np.stack([rng.choice(GALLERY, SHORTLIST, replace=False) for _ in range(QUERIES)]).astype(np.int32)
    scores = -np.sort(-rng.random((QUERIES, SHORTLIST)).round(3), axis=1)
    ranking = Ranking(query.image_id, gallery.image_id, order, scores)
    confidence = rng.random(QUERIES)
    answers = np.where(confidence > 0.3, gallery.identity[order[:, 0]], NEW)
    decisions = Decisions(query.image_id, answers, confidence, confidence)
    everywhere = np.full(QUERIES, ""), np.full(GALLERY, "")
    return asked(query, gallery, everywhere, rng.random(QUERIES) < 0.1), Finished(ranking, ranking, decisions)


@pytest.mark.benchmark(group=f"metrics: 30,000 queries x 100 candidates, {RESAMPLES} resamples")
def test_every_metric_and_view(benchmark: BenchmarkFixture, finished: tuple[Asked, Finished]) -> None:
    value = benchmark.pedantic(score, (Protocol(scope="all"), *finished), rounds=1)
    assert value.info["metrics"]["R-1"]["low"] is not None


@pytest.mark.benchmark(group=f"metrics: 30,000 queries x 100 candidates, {RESAMPLES} resamples")
def test_one_sort_of_the_scores(benchmark: BenchmarkFixture, finished: tuple[Asked, Finished]) -> None:
    benchmark.pedantic(np.argsort, (finished[1].final.scores,), {"axis": 1}, rounds=3)
