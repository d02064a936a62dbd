"""Exact retrieval in blocks against the bare matrix product and against faiss; at the official size when asked.

The size is an eighth of the official test by default; HARNESS_BENCH_FULL=1 takes 30,561 queries and 109,927 images.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.stages.retrieve import retrieve
from harness.types import Embeddings

FULL = bool(os.environ.get("HARNESS_BENCH_FULL"))
QUERIES, GALLERY, DIM, SHORTLIST = (30_561, 109_927, 512, 100) if FULL else (3_820, 109_927, 512, 100)
GROUP = f"retrieve: {QUERIES:,} queries x {GALLERY:,} images x {DIM}, top {SHORTLIST}"


def vectors(n: int, seed: int) -> Embeddings:
    values = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    norms = np.linalg.norm(values, axis=1)
    return Embeddings(np.array([f"{seed}-{i}" for i in range(n)]), values / norms[:, None], norms)


@pytest.fixture(scope="module")
def both() -> tuple[Embeddings, Embeddings]:
    return vectors(QUERIES, 1), vectors(GALLERY, 2)


@pytest.mark.benchmark(group=GROUP)
def test_retrieve(benchmark: BenchmarkFixture, both: tuple[Embeddings, Embeddings]) -> None:
    everywhere = np.full(QUERIES, ""), np.full(GALLERY, "")
    benchmark.pedantic(retrieve, (*both, SHORTLIST, *everywhere), rounds=1 if FULL else 2)


@pytest.mark.benchmark(group=GROUP)
def test_bare_product(benchmark: BenchmarkFixture, both: tuple[Embeddings, Embeddings]) -> None:
    queries, gallery = (torch.from_numpy(part.vectors) for part in both)

    def product() -> None:
        for start in range(0, QUERIES, 512):
            queries[start : start + 512] @ gallery.T

    benchmark.pedantic(product, rounds=1 if FULL else 2)


@pytest.mark.benchmark(group=GROUP)
def test_faiss(benchmark: BenchmarkFixture, both: tuple[Embeddings, Embeddings]) -> None:
    faiss = pytest.importorskip("faiss", reason="pip install faiss-cpu to compare with faiss")
    queries, gallery = both
    index = faiss.IndexFlatIP(DIM)
    index.add(gallery.vectors)
    benchmark.pedantic(index.search, (queries.vectors, SHORTLIST), rounds=1 if FULL else 2)
