"""A worker killed at random points of every stage: what it leaves is whole, and the numbers stay the same.

Twenty points a stage take minutes: HARNESS_KILLS=20 python -m pytest tests/jobs/test_kills.py
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import SMALL

from harness.data import load
from harness.grid import expand
from harness.jobs.files import Asked, Job, RunFiles
from harness.jobs.tasks import graph
from harness.keys import Keys
from harness.progress import Quiet
from harness.registry import Registry
from harness.store import Store

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("HARNESS_KILLS", "1"))
LONGEST = 5.0
"""Seconds within which a worker is killed after it has begun: it imports, reads data and computes in this time."""


def test_workers_killed_at_random_points(
    tmp_path: Path, drawn: Path, rows: Callable[..., list[dict[str, Any]]], small_grid: Path
) -> None:
    calm = metrics(rows("run", "--grid", small_grid, HARNESS_STORE=str(tmp_path / "calm")))
    place = Path(shutil.copytree(drawn, tmp_path / "killed"))
    files = RunFiles(tmp_path / "run")
    files.make()
    raw = tomllib.loads(SMALL)
    asked = Asked(grid=raw, device="cpu", store=str(place), cwd=str(tmp_path))
    grid, store = expand(raw, Registry.load()), Store(place)
    keys = Keys(load(grid.dataset, grid.protocol, store, Quiet()), "cpu")
    chance = random.Random(8)
    hits: Counter[str] = Counter()
    for name, node in graph(grid.cells, keys, store).items():
        job = Job(name=name, asked=asked, tasks=(node.task,))
        command = [sys.executable, "-P", "-m", "harness", "run-stage", str(files.put_job(job))]
        for _ in range(KILLS):
            begun = files.root / "started" / f"{name}.json"
            begun.unlink(missing_ok=True)
            worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            while worker.poll() is None and not begun.exists():
                time.sleep(0.05)
            time.sleep(chance.uniform(0, LONGEST))
            hits[node.task.stage] += worker.poll() is None
            worker.kill()
            worker.wait()
        assert subprocess.run(command, capture_output=True).returncode == 0
        assert [outcome.kind for outcome in files.outcomes(name)] == ["ok"]
    print(f"killed at work: {dict(hits)}")
    assert hits.keys() == {"train", "rank", "describe", "match", "score"}
    assert KILLS < 20 or min(hits.values()) > 0
    assert hits.total() > 0
    assert metrics(rows("collect", "--grid", small_grid, "--results", "r2", HARNESS_STORE=str(place))) == calm


def metrics(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["cell"]: row["metrics"] for row in rows}
