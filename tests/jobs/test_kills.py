"""A worker killed at random points of every stage: what it leaves is whole, and the numbers stay the same.

Once in a job of each stage; twenty times in every job take ten minutes:
HARNESS_KILLS=20 python -m pytest tests/jobs/test_kills.py
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import SMALL

from harness.data import load
from harness.grid import expand
from harness.jobs.files import Asked, Job, RunFiles
from harness.jobs.tasks import graph
from harness.jobs.worker import work
from harness.keys import Keys
from harness.progress import Quiet
from harness.registry import Registry
from harness.store import Store

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("HARNESS_KILLS", "0"))
LONGEST = 4.0
"""Seconds within which a worker is killed at first: it imports, reads data and computes in this time."""


def test_workers_killed_at_random_points(
    tmp_path: Path,
    drawn: Path,
    rows: Callable[..., list[dict[str, Any]]],
    small_grid: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DEVICE", "cpu")
    calm = metrics(rows("run", "--grid", small_grid, HARNESS_STORE=str(tmp_path / "calm")))
    place = Path(shutil.copytree(drawn, tmp_path / "killed"))
    files = RunFiles(tmp_path / "run")
    files.make()
    raw = tomllib.loads(SMALL)
    asked = Asked(grid=raw, device="cpu", store=str(place), cwd=str(tmp_path))
    grid, store = expand(raw, Registry.load()), Store(place)
    keys = Keys(load(grid.dataset, grid.protocol, store, Quiet()), "cpu")
    chance = random.Random(8)
    stages = set()
    for name, node in graph(grid.cells, keys, store).items():
        wanted = KILLS or int(node.task.stage not in stages)
        job = Job(name=name, asked=asked, tasks=(node.task,))
        command = [sys.executable, "-P", "-m", "harness", "run-stage", str(files.put_job(job))]
        if not wanted:
            assert [outcome.kind for outcome in work(job, files, Quiet())] == ["ok"]
            continue
        before = Path(shutil.copytree(place, tmp_path / "before"))
        kills, longest = 0, LONGEST
        while kills < wanted:
            took = killed(command, files.root / "started" / f"{name}.json", chance.uniform(0, longest))
            kills += took is None
            if took is not None:  # it was through: once more from where it began, and killed earlier
                longest = max(took, 0.7 * longest)
                (files.root / "outcomes" / f"{name}.json").unlink()
                shutil.rmtree(place)
                shutil.copytree(before, place)
        shutil.rmtree(before)
        assert subprocess.run(command, capture_output=True).returncode == 0
        assert [outcome.kind for outcome in files.outcomes(name)] == ["ok"]
        stages.add(node.task.stage)
    assert stages == {"train", "rank", "describe", "match", "score"}
    assert metrics(rows("collect", "--grid", small_grid, "--results", "r2", HARNESS_STORE=str(place))) == calm


def killed(command: list[str], started: Path, seconds: float) -> float | None:
    """Kill a worker so long after it has begun its work; the seconds that it took, where it was through before."""
    started.unlink(missing_ok=True)
    worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while worker.poll() is None and not started.exists():
        time.sleep(0.01)
    began = time.monotonic()
    while worker.poll() is None and time.monotonic() < began + seconds:
        time.sleep(0.01)
    ended, took = worker.poll() is not None, time.monotonic() - began
    worker.kill()
    worker.wait()
    return took if ended else None


def metrics(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["cell"]: row["metrics"] for row in rows}
