"""The cascade against matching every candidate: pairs saved, and R-1 lost, on the same queries in one process.

Pairs and R-1 are in the JSON's ``extra_info`` (printed with ``-s``); seconds are those of the cascade alone, with every
pair at hand. HARNESS_STORE keeps what was computed. The photographs are looked for where the grids in ``results/`` do.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import grid as grids
from harness.cell import Cell
from harness.data import load
from harness.metrics.significance import compare
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.registry import Registry
from harness.store import Store, Value

SHARED = Path("../shared")
MINI = f"wildlifereid10k[root={SHARED}/data/wildlifereid10k-mini]"
SIFT = "mutual-nn[features=sift,max_keypoints=256]"
RISKS = (0.02, 0.05, 0.1)
PHOTOGRAPHS = (
    f"timm[model=mobilenetv2_100,pad_type=same,mean=0.5,std=0.5,size=128,"
    f"weights={SHARED}/weights/mobilenetv2_100_imagenet.safetensors]"
)
DRAWN = "timm[model=mobilenetv3_small_050,weights=random,size=96]"
FROM_NOTHING = {"epochs": 10, "batch_size": 16, "lr": 0.003, "backbone_lr_scale": 1.0, "augment": 0.5}
VALIDATION = {"validation_images": 0.2, "validation_individuals": 0.03}
CLEAR = "synthetic-herd[individuals=100,encounters=6,images=2,flanks=left,difficulty=0.3,occlusion=0.1]"
SETS: dict[str, dict[str, Any]] = {
    "clear herd, random split": {
        "protocol": {"name": "study", "resplit": True, "dataset": CLEAR, **VALIDATION},
        "train": FROM_NOTHING,
        "axes": {"backbone": DRAWN, "loss": "softmax"},
    },
    "herd, official split": {
        "protocol": {"dataset": "synthetic-herd[individuals=200]", **VALIDATION},
        "train": FROM_NOTHING,
        "axes": {"backbone": DRAWN, "loss": "softmax"},
    },
    "herd, random split": {
        "protocol": {"name": "study", "resplit": True, "dataset": "synthetic-herd[individuals=200]", **VALIDATION},
        "train": FROM_NOTHING,
        "axes": {"backbone": DRAWN, "loss": "softmax"},
    },
    "photographs, official split": {
        "protocol": {"name": "official", "dataset": MINI, **VALIDATION},
        "axes": {"backbone": PHOTOGRAPHS, "loss": "none"},
    },
    "photographs, random split": {
        "protocol": {"name": "study", "resplit": True, "dataset": MINI, **VALIDATION},
        "axes": {"backbone": PHOTOGRAPHS, "loss": "none"},
    },
}
FUSIONS = ("replace", "isotonic", "sum")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    kept = os.environ.get("HARNESS_STORE")
    return Store(Path(kept) if kept else tmp_path_factory.mktemp("store"))


@cache
def opened(name: str, store: Store) -> tuple[Pipeline, dict[tuple[str, float], Cell]]:
    """The pipeline of a data set, and its cells by fusion and risk."""
    raw = SETS[name]
    matchers = [SIFT, *(f"{SIFT[:-1]},cascade={risk}]" for risk in RISKS)]
    axes = {**raw["axes"], "matcher": matchers, "fusion": list(FUSIONS)}
    grid = grids.expand({**raw, "axes": axes}, Registry.load())
    data = load(grid.dataset, grid.protocol, store, Quiet())
    cells = {(cell.label("fusion"), cell.cascade): cell for cell in grid.cells}
    return Pipeline(store, data, "cpu", Quiet(), lambda **_: None), cells


@pytest.mark.parametrize("risk", RISKS)
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("name", SETS)
def test_pairs_saved_and_answers_lost(
    benchmark: BenchmarkFixture, store: Store, name: str, fusion: str, risk: float
) -> None:
    if "photographs" in name and not SHARED.is_dir():
        pytest.skip(f"the photographs are not in {SHARED}/data")
    benchmark.group = f"cascade: {name}, {fusion}"
    pipeline, cells = opened(name, store)
    full, _ = pipeline.run(cells[fusion, 0.0])
    value, _ = benchmark.pedantic(pipeline.run, (cells[fusion, risk],), rounds=1)
    benchmark.extra_info.update(told(pipeline, full, value))
    print(f"\n{name}, {fusion}, risk {risk}: {benchmark.extra_info}")
    assert benchmark.extra_info["pairs saved"] >= 0


def told(pipeline: Pipeline, full: Value, value: Value) -> dict[str, Any]:
    """Share of pairs saved, R-1 of both in per cent, and their difference in points with interval and p."""
    query, counts = pipeline.keys.asked["query"], value.info["counts"]
    hits = [np.asarray(one.arrays["first_hit"] == 1, np.float64)[query.known] for one in (value, full)]
    test = compare(*hits, query.identity[query.known])
    points = [
        round(100 * (number or 0.0), 2) for number in (test.difference.value, test.difference.low, test.difference.high)
    ]
    return {
        "pairs saved": round(1 - counts["pairs"] / counts["pairs_full"], 3),
        "R-1 full": round(100 * float(hits[1].mean()), 1),
        "R-1 cascade": round(100 * float(hits[0].mean()), 1),
        "difference": "{:+} ({:+} to {:+})".format(*points),
        "lost": test.worse,
        "gained": test.better,
        "p": round(test.p_identity, 4),
        "queries": len(hits[0]),
        "calibrated on": counts["n_cascade_calibration"],
        "losses allowed": counts["n_cascade_losses_allowed"],
    }
