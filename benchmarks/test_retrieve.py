"""Exact retrieval against bare matrix products and against faiss, turn by turn; at the official size when asked.

The size is an eighth of the official test by default; HARNESS_BENCH_FULL=1 takes 30,561 queries and 109,927 images.
HARNESS_BENCH_DEVICE=cuda takes a card; the products of numpy and faiss stay on the processor.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from harness.stages.retrieve import retrieve
from harness.types import Embeddings

FULL = bool(os.environ.get("HARNESS_BENCH_FULL"))
DEVICE = os.environ.get("HARNESS_BENCH_DEVICE", "cpu")
QUERIES, GALLERY, DIM, SHORTLIST = (30_561, 109_927, 512, 100) if FULL else (3_820, 109_927, 512, 100)
ROUNDS = 1 if FULL else 3


def vectors(n: int, seed: int) -> Embeddings:
    """Random directions."""
    values = np.random.default_rng(seed).standard_normal((n, DIM), dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", values, values))
    values /= norms[:, None]
    return Embeddings(np.array([f"{seed}-{i}" for i in range(n)]), values, norms)


def scopes(groups: int) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """A data set for each query and gallery image, the sizes as uneven as those of the official test."""
    share = 1 / np.arange(1, groups + 1)
    rng = np.random.default_rng(3)
    query, gallery = (rng.choice(groups, n, p=share / share.sum()).astype(np.str_) for n in (QUERIES, GALLERY))
    return query, gallery


@pytest.fixture(scope="module")
def both() -> tuple[Embeddings, Embeddings]:
    return vectors(QUERIES, 1), vectors(GALLERY, 2)


def numpy_product(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
    """In the shape that was fastest of those tried, into memory that is already there."""
    out = np.empty((4096, 1024), np.float32)
    for rows in (queries[start : start + 4096] for start in range(0, len(queries), 4096)):
        for chunk in (gallery[start : start + 1024] for start in range(0, len(gallery), 1024)):
            np.matmul(rows, chunk.T, out=out[: len(rows), : len(chunk)])


def torch_product(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
    import torch

    answers = torch.from_numpy(gallery).to(DEVICE)
    for start in range(0, len(queries), 512):
        torch.from_numpy(queries[start : start + 512]).to(DEVICE) @ answers.T
    if DEVICE != "cpu":
        torch.cuda.synchronize()


def faiss_search(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
    import faiss

    index = faiss.IndexFlatIP(DIM)
    index.add(gallery)
    index.search(queries, min(SHORTLIST, len(gallery)))


def rivals() -> dict[str, Callable[[NDArray[np.float32], NDArray[np.float32]], None]]:
    found = {"numpy product": numpy_product, "torch product": torch_product}
    try:
        import faiss  # noqa: F401
    except ImportError:  # pip install faiss-cpu
        return found
    return {**found, "faiss": faiss_search}


@pytest.mark.parametrize("groups", [1, 37], ids=["one gallery", "37 data sets"])
def test_retrieve(benchmark: BenchmarkFixture, both: tuple[Embeddings, Embeddings], groups: int) -> None:
    if DEVICE != "cpu":
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")
    queries, gallery = both
    query_scope, gallery_scope = scopes(groups)
    parts = [
        (queries.vectors[query_scope == scope], gallery.vectors[gallery_scope == scope])
        for scope in np.unique(query_scope)
    ]
    seconds: dict[str, list[float]] = {name: [] for name in rivals()}

    def others() -> None:
        for name, search in rivals().items():
            start = perf_counter()
            for part in parts:
                search(*part)
            seconds[name].append(perf_counter() - start)

    benchmark.group = f"retrieve: {QUERIES:,} queries x {GALLERY:,} images x {DIM}, top {SHORTLIST}, {groups} groups"
    search = lambda: retrieve(queries, gallery, SHORTLIST, query_scope, gallery_scope, device=DEVICE)  # noqa: E731
    benchmark.pedantic(search, setup=others, rounds=ROUNDS)
    for name, taken in seconds.items():
        benchmark.extra_info[f"speed / {name}"] = round(min(taken) / benchmark.stats["min"], 3)
    benchmark.extra_info |= memory(groups)
    print("\n", benchmark.group, benchmark.extra_info)


def memory(groups: int) -> dict[str, int]:
    """Resident memory, in MB, of a process of its own that holds the embeddings, and its peak in the search."""
    told = subprocess.run([sys.executable, __file__, str(groups)], check=True, capture_output=True, text=True).stdout
    return dict(zip(("MB before the search", "peak MB in the search"), map(int, told.split()), strict=True))


def resident(line: str) -> int:
    """In MB: ``VmRSS`` now, ``VmHWM`` at the peak. What getrusage tells is that of the parent, where that was more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(found.split()[1]) for found in lines if found.startswith(line)) // 1024


if __name__ == "__main__":
    pair = vectors(QUERIES, 1), vectors(GALLERY, 2)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    retrieve(*pair, SHORTLIST, *scopes(int(sys.argv[1])), device=DEVICE)
    print(before, resident("VmHWM"))
