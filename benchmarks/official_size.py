"""A run at the official size of everything but the networks, as one command that prints JSON.

``python benchmarks/official_size.py --store FOLDER [--scale 0.25]`` draws the rows of 140,488 photographs in 37 data
sets, embeddings of 512 numbers and the matches of every shortlisted pair, puts them into the store where the networks
would have, and runs a grid of fusions and open-set rules on them: plan, retrieve, fuse, decide, score, store.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import Cell
from harness.collection import Collection
from harness.grid import Grid, expand
from harness.keys import PARTS
from harness.packed import PairSummary
from harness.pairs import Pairs
from harness.pipeline import Pipeline
from harness.plan import Planner
from harness.progress import Quiet
from harness.protocol import Data, apply
from harness.record import RunRecord
from harness.registry import Registry
from harness.results import Results
from harness.runner import run
from harness.store import Store
from harness.table import ImageTable

TRAIN, TEST, DATASETS, INDIVIDUALS, SPECIES, DIM = 109_927, 30_561, 37, 10_772, 22, 512
NEW = 0.256
"""Share of the test images whose individuals are not in the train images."""
PART = 50_000
RULES = ["none", "threshold", "equal-error"]

GRID: dict[str, Any] = {
    "grid": {"name": "official-size"},
    "protocol": {"name": "official"},
    "axes": {
        "backbone": "resnet50[weights=random]",
        "matcher": ["none", "mutual-nn"],
        "fusion": ["none", "replace", "sum", "isotonic"],
    },
}


def table(scale: float) -> ImageTable:
    """The rows of the photographs, data sets and individuals of uneven size, as they are."""
    rng = np.random.default_rng(0)
    train, test = int(TRAIN * scale), int(TEST * scale)
    individuals = max(int(INDIVIDUALS * scale), 4 * DATASETS)
    own = np.sort(rng.choice(DATASETS, individuals, p=_uneven(DATASETS, 1.0)))
    known = rng.random(individuals) > NEW
    known[np.unique(own, return_index=True)[1]] = True
    weights = _uneven(individuals, 0.7)
    in_train = np.where(known, weights, 0)
    who = np.concatenate(
        [
            rng.choice(individuals, train, p=in_train / in_train.sum()),
            rng.choice(individuals, test, p=weights / weights.sum()),
        ]
    )
    split = np.array(["train"] * train + ["test"] * test)
    digests = np.array([f"{value:064x}" for value in rng.permutation(len(who))])
    return ImageTable(
        root=Path(),
        image_id=np.array([f"image{i:06d}" for i in range(len(who))]),
        path=np.array([f"{i:06d}.jpg" for i in range(len(who))]),
        identity=np.array([f"animal{i:05d}" for i in who]),
        dataset=np.array([f"set{own[i]:02d}" for i in who]),
        species=np.array([f"species{own[i] % SPECIES:02d}" for i in who]),
        split=split,
        digest=digests,
        pixels=digests,
        phash=np.array([f"{value:016x}" for value in rng.integers(0, 2**63, len(who))]),
    )


def _uneven(n: int, power: float) -> NDArray[np.float64]:
    weights = (1 + np.arange(n)) ** -power
    return np.random.default_rng(1).permutation(weights / weights.sum())


class Clocks:
    """Seconds of each part of the run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)


def fill_embeddings(pipeline: Pipeline, cell: Cell, data: Data) -> None:
    """Vectors near a direction of each individual."""
    rng = np.random.default_rng(2)
    names, who = np.unique(data.table.identity, return_inverse=True)
    centres = rng.standard_normal((len(names), DIM), np.float32)
    collection = Collection(pipeline.bench.store, pipeline.keys.embed(cell))
    for start in range(0, len(who), PART):
        rows = slice(start, start + PART)
        vectors = centres[who[rows]] + 2 * rng.standard_normal((len(who[rows]), DIM), np.float32)
        norms = np.linalg.norm(vectors, axis=1)
        arrays = {"vectors": vectors / norms[:, None], "norms": norms}
        collection.append(data.table.digest[rows].tolist(), arrays, 1.0)


def fill_pairs(pipeline: Pipeline, cell: Cell) -> int:
    """Many matches on pairs of one individual, few on others; the number of pairs."""
    rng, keys = np.random.default_rng(3), pipeline.keys
    key = keys.match(cell)
    assert key is not None
    known = Pairs(pipeline.bench.store, key, keys.data.table.digest, False)
    known.keypoints[:] = 512
    for part in PARTS:
        ranking = pipeline.coarse.ranking(cell, part)
        asked, gallery = keys.asked[part], keys.gallery[part]
        queries = np.nonzero(ranking.order >= 0)[0]
        answers = ranking.order[ranking.order >= 0]
        same = asked.identity[queries] == gallery.identity[answers]
        codes = known.codes(known.numbers(asked.digest)[queries], known.numbers(gallery.digest)[answers])
        for start in range(0, len(codes), PART):
            rows = slice(start, start + PART)
            count = rng.poisson(np.where(same[rows], 20, 8)).astype(np.float32)
            known.append(codes[rows], PairSummary(count, count / 2, count), 1.0)
    return len(known)


def opened(store: Path, data: Data) -> Pipeline:
    """A pipeline as a new process would have it."""
    return Pipeline(Store(store), data, "cpu", Quiet(), lambda **told: None)


def cells_of(rules: list[str]) -> Grid:
    """The grid with these open-set rules."""
    return expand({**GRID, "axes": {**GRID["axes"], "openset": rules}}, Registry.load())


def measure(store: Path, scale: float) -> dict[str, Any]:
    """Run it all; seconds of each part, seconds of each stage within the cells, and the peak of memory."""
    clock, grid = Clocks(), cells_of(RULES)
    with clock("rows"):
        data = apply(grid.protocol, table(scale), "official size", {})
        pipeline = opened(store, data)
    matching = next(cell for cell in grid.cells if cell.matcher)
    with clock("put embeddings"):
        fill_embeddings(pipeline, grid.cells[0], data)
    with clock("retrieve"):
        for part in PARTS:
            pipeline.coarse.ranking(matching, part)
    with clock("put pairs"):
        pairs = fill_pairs(pipeline, matching)
    with clock("plan"):
        assert Planner(grid, pipeline.keys, pipeline.bench.store).plan().pairs == 0
    with clock("cells"):
        records = ran(grid, data, pipeline)
    with clock("results"):
        Results(store / "results").add(records)
    with clock("again, from the store"):
        assert [r.metrics for r in ran(grid, data, opened(store, data))] == [r.metrics for r in records]
    with clock("one more rule"):
        more = ran(cells_of(["quantile"]), data, opened(store, data))
    assert all(record.cached[stage] for record in more for stage in record.cached if stage not in ("decide", "score"))
    return {
        "images": len(data.table),
        "queries": data.counts()["n_query"],
        "cells": len(records),
        "pairs": pairs,
        "seconds": clock.seconds,
        "stages": stages(records),
        "peak_gb": round(peak() / 2**20, 2),
        "store_gb": round(sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) / 2**30, 2),
    }


def peak() -> int:
    """The most memory that this process has held, in KB; getrusage tells the parent's, where that was more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def ran(grid: Grid, data: Data, pipeline: Pipeline) -> list[RunRecord]:
    """The records of the cells that can run."""
    records = [ended.record for ended in run(grid, data, pipeline, debug=True)]
    return [record for record in records if record.status == "ok"]


def stages(records: list[RunRecord]) -> dict[str, float]:
    """Seconds of the stages that were computed."""
    found: defaultdict[str, float] = defaultdict(float)
    for record in records:
        for stage, seconds in record.seconds.items():
            found[stage] += 0.0 if record.cached[stage] else seconds
    return {stage: round(seconds, 2) for stage, seconds in found.items() if seconds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="an empty folder")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the official size")
    told = parser.parse_args()
    print(json.dumps(measure(told.store, told.scale), indent=1))
