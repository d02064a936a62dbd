"""Faults: a run killed at any moment, two runs on one store, a damaged value, Ctrl-C: the numbers stay the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import SMALL

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = Callable[..., list[dict[str, Any]]]

pytestmark = pytest.mark.slow

KILLER = """
import os, signal, sys
from harness import progress
stage, after, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
plain, count = progress.Bars.advance, 0
def advance(self, n=1, note=""):
    global count
    plain(self, n, note)
    count += self._stage == stage
    if count > after:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt
progress.Bars.advance = advance
from harness.cli import main
main(sys.argv[4:])
"""


def metrics(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    return {(row["loss"], row["matcher"]): row["metrics"] for row in rows}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """The metrics of a run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    (folder / "small.toml").write_text(SMALL)
    command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "--grid", "small.toml", "--json"]
    environment = {
        **os.environ,
        "HARNESS_STORE": str(folder / "store"),
        "HARNESS_OFFLINE": "1",
        "HARNESS_DEVICE": "cpu",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return metrics(json.loads(done.stdout))


def interrupted(
    tmp_path: Path, how: str, stage: str, after: int, *words: str | Path
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLER, stage, str(after), how, *map(str, words)]
    return subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize(("stage", "after"), [("train", 0), ("train", 9), ("embed", 1), ("describe", 0), ("match", 0)])
def test_a_killed_run_goes_on_and_ends_in_the_same_numbers(
    undisturbed: dict[tuple[str, str], Any], rows: Rows, small_grid: Path, tmp_path: Path, stage: str, after: int
) -> None:
    killed = interrupted(tmp_path, "kill", stage, after, "run", "--grid", small_grid)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert metrics(rows("run", "--grid", small_grid)) == undisturbed


def test_ctrl_c_leaves_things_in_order(
    undisturbed: dict[tuple[str, str], Any], rows: Rows, small_grid: Path, tmp_path: Path
) -> None:
    stopped = interrupted(tmp_path, "interrupt", "match", 0, "run", "--grid", small_grid)
    assert stopped.returncode == 130
    assert "same command goes on" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert {row["matcher"] for row in rows("leaderboard")} == {"none"}  # what was finished is kept
    assert metrics(rows("run", "--grid", small_grid)) == undisturbed


def test_two_runs_on_one_store_share_the_work_and_agree(
    undisturbed: dict[tuple[str, str], Any], small_grid: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "--grid", str(small_grid), "--json"]
    both = [
        subprocess.Popen(
            [*command, "--results", name], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in ("a", "b")
    ]
    for process in both:
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        assert metrics(json.loads(output)) == undisturbed


def test_damaged_values_are_reported_and_computed_again(
    undisturbed: dict[tuple[str, str], Any], harness: Run, rows: Rows, small_grid: Path, tmp_path: Path
) -> None:
    rows("run", "--grid", small_grid)
    store = tmp_path / "store"
    for path in [*store.glob("values/*/*/*/arrays.safetensors"), *store.glob("collections/*/*/*.safetensors")]:
        content = bytearray(path.read_bytes())
        content[-1] ^= 0xFF
        path.write_bytes(bytes(content))
    for path in store.glob("values/score/*/*/info.json"):
        path.write_text("{}")
    again = harness("run", "--grid", small_grid, "--json")
    assert "damaged" in again.stderr
    assert metrics(json.loads(again.stdout)) == undisturbed


def test_the_store_of_a_dead_process_is_free_at_once(small_grid: Path, tmp_path: Path, rows: Rows) -> None:
    interrupted(tmp_path, "kill", "train", 3, "run", "--grid", small_grid)
    began = time.monotonic()
    assert len(rows("run", "--grid", small_grid)) == 4
    assert time.monotonic() - began < 300
