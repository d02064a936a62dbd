"""One job: its tasks, one after the other, each through the stages' own functions and the store."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from harness.cell import Cell
from harness.errors import HarnessError, StoreError
from harness.grid import Grid
from harness.jobs.files import Job, Outcome, RunFiles
from harness.jobs.tasks import Task
from harness.keys import PARTS
from harness.pipeline import Pipeline
from harness.protocol import Data
from harness.runner import run, without_paths
from harness.stopwatch import StageProgress

CHILD = "HARNESS_CHILD"
"""Set by who starts jobs: a job then ends when its parent does, and leaves no process behind on a node."""
PR_SET_PDEATHSIG = 1


def work(job: Job, files: RunFiles, progress: StageProgress, again: bool = False) -> list[Outcome]:
    """Do the tasks of a job and write down after each how it ended.

    What an earlier try has done is left, what has failed too, unless it is to be tried ``again``.

    Raises:
        StoreError: nothing can be written any more; this too is written down, where that can be.
    """
    _bound_to_parent()
    files.write(f"started/{job.name}.json", {"time": time.time(), "host": socket.gethostname(), "pid": os.getpid()})
    kept = {"ok"} if again else {"ok", "failed"}
    outcomes = [outcome for outcome in files.outcomes(job.name) if outcome.kind in kept]
    left = [task for task in job.tasks if task.name not in {outcome.task for outcome in outcomes}]
    if not left:
        return outcomes
    try:
        bench = _Bench(job, progress)
        for task in left:
            outcomes.append(bench.do(task))
            files.put_outcomes(job.name, outcomes)
    except StoreError as error:
        done = {outcome.task for outcome in outcomes}
        gone = [Outcome(task=t.name, kind="store", reason=str(error)) for t in left if t.name not in done]
        files.put_outcomes(job.name, [*outcomes, *gone])
        raise
    except HarnessError as error:  # the grid itself cannot be expanded here: a file that this node does not have
        gone = [Outcome(task=t.name, kind="failed", reason=str(error)) for t in left]
        files.put_outcomes(job.name, [*outcomes, *gone])
        raise
    return outcomes


class _Bench:
    """Grid, data and pipeline of a job, made once."""

    def __init__(self, job: Job, progress: StageProgress) -> None:
        from harness.data import load
        from harness.grid import expand
        from harness.registry import Registry
        from harness.remote import open_store
        from harness.weights import compute_device

        asked = job.asked
        if Path(asked.cwd).is_dir():
            os.chdir(asked.cwd)
        else:
            warnings.warn(f"there is no {asked.cwd} on this machine: paths begin at {Path.cwd()}", stacklevel=2)
        asked.check_plugins()
        os.environ["HARNESS_DEVICE"] = asked.device
        self.registry = Registry.load(tuple(asked.plugins))
        self.grid: Grid = expand(asked.grid, self.registry, asked.only)
        self.cells = {cell.id: cell for cell in self.grid.cells}
        store = open_store(asked.store)
        self.data: Data = load(self.grid.dataset, self.grid.protocol, store, progress)
        tell = partial(self.registry.tell, "harness_stage_finished")
        self.pipeline = Pipeline(store, self.data, compute_device(), progress, tell)

    def do(self, task: Task) -> Outcome:
        """One task; whatever a plugin raises is its failure, and is written down."""
        began = time.perf_counter()
        try:
            cell = self.cells[task.cell]
            if task.stage == "score":
                return self._score(task, cell, began)
            self.pipeline.bench.begin()
            getattr(self, f"_{task.stage}")(task, cell)
        except StoreError:
            raise
        except HarnessError as error:
            return Outcome(task=task.name, kind="failed", reason=without_paths(str(error)))
        except Exception as error:
            traceback.print_exc()  # into the log of the job
            reason = f"{type(error).__name__}: {error} (see where with harness status --log)"
            return Outcome(task=task.name, kind="failed", reason=without_paths(reason))
        return Outcome(task=task.name, kind="ok", seconds=round(time.perf_counter() - began, 3))

    def _train(self, task: Task, cell: Cell) -> None:
        self.pipeline.coarse.trained(cell)

    def _rank(self, task: Task, cell: Cell) -> None:
        for part in PARTS:
            self.pipeline.coarse.ranking(cell, part)
            if cell.neighbours:
                self.pipeline.coarse.neighbours(cell, part, cell.neighbours)

    def _describe(self, task: Task, cell: Cell) -> None:
        assert cell.features is not None
        self.pipeline.reranking.fine.described(cell.features)

    def _match(self, task: Task, cell: Cell) -> None:
        for part in task.parts:
            ranking = self.pipeline.coarse.ranking(cell, part)
            wanted = np.zeros(ranking.order.shape, np.bool_)
            wanted[task.rows[0] : task.rows[1]] = True
            self.pipeline.reranking.fine.pairs(cell, part, ranking, wanted)

    def _score(self, task: Task, cell: Cell, began: float) -> Outcome:
        (ended,) = run(replace(self.grid, cells=(cell,)), self.data, self.pipeline, debug=True)
        record = ended.record
        kind, seconds = ("failed" if record.status == "failed" else "ok"), round(time.perf_counter() - began, 3)
        told = record.model_dump(mode="json")
        return Outcome(task=task.name, kind=kind, reason=record.reason, seconds=seconds, record=told)


def _bound_to_parent() -> None:
    """End when the parent does (Linux)."""
    if os.environ.get(CHILD):
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        except (OSError, AttributeError):
            return


@contextmanager
def logged(path: Path | None) -> Iterator[None]:
    """Send everything that this process prints, its children's words included, to the end of a file."""
    if path is None:
        yield
        return
    with path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        yield
