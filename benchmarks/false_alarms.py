"""How often does the gate alarm where nothing has changed? Repeats of unchanged code, each in a store of its own.

    python benchmarks/false_alarms.py exact --repeats 200
    python benchmarks/false_alarms.py learnt --repeats 200 --runs 5

``exact`` runs the gate's grid again and again and compares to the digit. ``learnt`` trains a small network whose first
weights are moved a hair by the operating system's random numbers, which stands for a GPU that sums in another order
each time; the first runs are the baseline, each later one a candidate. Prints a JSON line with the rate and its 95 %
interval (Clopper and Pearson, Biometrika 1934).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from harness import grid as grids
from harness import runner
from harness.compare.judge import Side, compared
from harness.compare.runs import cells_of, repeated
from harness.compare.verdict import Verdict
from harness.data import load, prepare
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.registry import Registry
from harness.store import Store

NOISY = """
from harness import BackboneSpec, hookimpl
from harness_plugins.backbones.timm import TimmModelSettings, build

class Noisy:
    def __init__(self, config):
        self.inner = build(config)
        self.preprocess = self.inner.preprocess
    def module(self):
        import os, torch
        module = self.inner.module()
        noise = torch.Generator().manual_seed(int.from_bytes(os.urandom(7), "little"))
        with torch.no_grad():
            for weight in module.parameters():
                weight.add_(1e-3 * torch.randn(weight.shape, generator=noise) * weight.abs().mean())
        return module

@hookimpl
def harness_backbones():
    yield BackboneSpec(name="noisy", version="1", config=TimmModelSettings, build=Noisy)
"""
LEARNT = {
    "grid": {"name": "learnt"},
    "protocol": {
        "dataset": "synthetic-herd[individuals=24,encounters=4,images=3,size=64,workers=1]",
        "ks": [1, 5, 20],
        "shortlist": 20,
        "validation_images": 0.2,
        "validation_individuals": 0.2,
    },
    "train": {"epochs": 3, "batch_size": 16, "embedding": 64, "workers": 1},
    "axes": {
        "backbone": "noisy[model=resnet10t,weights=random,size=32]",
        "loss": ["softmax", "arcface"],
        "matcher": ["none", "mutual-nn[max_keypoints=48]"],
        "fusion": "sum",
        "openset": "threshold[score=cosine]",
    },
}


class Bench:
    """A grid that is computed anew each time that it is asked for."""

    def __init__(self, learnt: bool, folder: Path) -> None:
        plugin = folder / "noisy.py"
        plugin.write_text(NOISY)
        raw = LEARNT if learnt else grids.read("gate")
        self.grid = grids.expand(raw, Registry.load([plugin] if learnt else []))
        self.drawn = folder / "drawn"
        prepare(self.grid.dataset, Store(self.drawn))

    def run(self) -> Side:
        """One run, in a store that holds the drawn herd alone."""
        with tempfile.TemporaryDirectory() as place:
            store = Store(Path(shutil.copytree(self.drawn, Path(place) / "store")))
            data = load(self.grid.dataset, self.grid.protocol, store, Quiet())
            pipeline = Pipeline(store, data, "cpu", Quiet(), lambda **facts: None)
            records = [cell.record for cell in runner.run(self.grid, data, pipeline)]
            return Side("run", cells_of(records), {data.protocol_hash: runner.queries(pipeline)})


def main() -> None:
    """Run, count and print."""
    from scipy.stats import binomtest

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["exact", "learnt"])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5, help="runs of the baseline (learnt)")
    chosen = parser.parse_args()
    os.environ["HARNESS_DEVICE"] = "cpu"
    learnt = chosen.mode == "learnt"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(learnt, Path(folder))
        sides = [bench.run() for _ in range(chosen.runs if learnt else 1)]
        before = Side("baseline", repeated([list(side.cells) for side in sides]), sides[0].asked)
        alarms, levels, began = 0, set(), time.monotonic()
        for place in range(chosen.repeats):
            after = bench.run()
            found = compared(before, after, not learnt)
            alarms += found.verdict is not Verdict.OK
            levels.add(after.cells[0].runs[0].ranking)
            seconds = (time.monotonic() - began) / (place + 1)
            print(f"\r{place + 1} of {chosen.repeats}, {alarms} alarms, {seconds:.1f} s each", end="", flush=True)
    interval = binomtest(alarms, chosen.repeats).proportion_ci(0.95)
    rate = {"mode": chosen.mode, "repeats": chosen.repeats, "alarms": alarms, "distinct rankings": len(levels)}
    print("\n" + json.dumps({**rate, "low": interval.low, "high": interval.high}))


if __name__ == "__main__":
    main()
