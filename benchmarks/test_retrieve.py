"""Exact retrieval in blocks against the bare matrix product of the same size."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.stages.retrieve import retrieve
from harness.types import Embeddings

QUERIES, GALLERY, DIM = 1000, 20_000, 512


def vectors(n: int, seed: int) -> Embeddings:
    values = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    norms = np.linalg.norm(values, axis=1)
    return Embeddings(np.array([f"{seed}-{i}" for i in range(n)]), values / norms[:, None], norms)


@pytest.mark.benchmark(group="retrieve: 1,000 queries x 20,000 images x 512")
def test_retrieve(benchmark: BenchmarkFixture) -> None:
    queries, gallery = vectors(QUERIES, 1), vectors(GALLERY, 2)
    everywhere = np.full(QUERIES, ""), np.full(GALLERY, "")
    benchmark.pedantic(retrieve, (queries, gallery, 100, *everywhere), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="retrieve: 1,000 queries x 20,000 images x 512")
def test_bare_product(benchmark: BenchmarkFixture) -> None:
    queries, gallery = vectors(QUERIES, 1).vectors, vectors(GALLERY, 2).vectors.T.copy()
    benchmark.pedantic(lambda: queries @ gallery, rounds=3, warmup_rounds=1)
