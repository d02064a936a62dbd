"""``harness run --executor``: a grid as jobs, its cells as they come back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.common import console, store_where
from harness.cli.options import Reshape, raw_grid

if TYPE_CHECKING:
    from harness.executors.chosen import Chosen
    from harness.grid import Grid
    from harness.jobs.driver import Start
    from harness.jobs.files import Asked, RunFiles
    from harness.pipeline import Pipeline
    from harness.progress import Bars, Quiet
    from harness.protocol import Data
    from harness.runner import Ended

F = TypeVar("F", bound=Callable[..., Any])


def executor_options(command: F) -> F:
    """``--executor`` and ``--runs``."""
    what = "Run as jobs: local, slurm or ray with settings in brackets, or a TOML file with a table for each stage."
    command = click.option("--executor", metavar="NAME[SETTINGS]|FILE", help=what)(command)
    return runs_option(command)


def runs_option(command: F) -> F:
    """``--runs``."""
    text = "Folder of runs: jobs, logs, what became of them; every node must see it."
    return click.option(
        "--runs", metavar="DIR", default="runs", show_default="./runs", envvar="HARNESS_RUNS", help=text
    )(command)


@dataclass(frozen=True)
class Jobs:
    """A run that is asked for: through which executor, in which folder, and what the jobs are told."""

    chosen: Chosen
    root: Path
    asked: Asked

    def run(self, grid: Grid, data: Data, pipeline: Pipeline, bars: Bars | Quiet) -> Iterator[Ended]:
        """Cells as they end: those that need nothing, then those of the jobs."""
        from harness.jobs.driver import Driver
        from harness.jobs.files import RunFiles
        from harness.jobs.tasks import graph
        from harness.runner import impossible_on
        from harness.runner import run as run_cells

        folder = self._folder(grid)
        files = RunFiles(folder)
        files.make()
        with files.driven(), _noted(files):
            self._leave(files)
            (folder / "cancel").unlink(missing_ok=True)
            files.note("opened", executor=self.chosen.name)
            yield from run_cells(grid, data, pipeline, "never-compute")
            able = [cell for cell in grid.cells if not (cell.skip or impossible_on(cell, data))]
            nodes = graph(able, pipeline.keys, pipeline.bench.store)
            if not nodes:
                files.note("stopped", left=0)
                return
            executor = self.chosen.build(folder / "submitit")
            files.write("tasks.json", [node.task.model_dump(mode="json") for node in nodes.values()])
            files.note("began", executor=self.chosen.name, slots=executor.slots)
            where = os.path.relpath(folder)
            console().print(f"run: {where} (look at it with: harness status {where})", highlight=False, soft_wrap=True)
            driver = Driver(nodes, files, self.asked, self.chosen, executor, start(files))
            bars.stage("tasks")
            bars.start(len(nodes), "tasks")
            yield from _heard(driver, replace(grid, cells=tuple(able)), data, bars)
            if files.cancelled:
                raise KeyboardInterrupt

    def _leave(self, files: RunFiles) -> None:
        """Cancel what another engine may still run of an earlier start: it would be done twice."""
        from harness.executors.chosen import LASTING
        from harness.jobs.state import executor_of, flying

        before, left = executor_of(files), flying(files)
        if before == self.chosen.name or before not in LASTING or not left:
            return
        cancel_left(files, left)
        console().print(f"{len(left)} jobs that {before} still had of this run were cancelled", highlight=False)

    def _folder(self, grid: Grid) -> Path:
        """The same command goes on in the same folder."""
        from harness.fingerprint import digest

        told = self.asked.model_dump(mode="json")
        return self.root / f"{grid.heading.name}-{digest(told)[:8]}"


def asked_jobs(executor: str | None, runs: str, chosen: dict[str, Any], reshape: Reshape | None = None) -> Jobs | None:
    """What the options ask for; None where they name no executor. ``reshape`` is that of ``chosen_grid``.

    With jobs this process computes nothing with networks: ``chosen`` then says cpu, as there may be no card here.

    Raises:
        HarnessError: the executor, or the grid, is not valid.
    """
    from harness.executors.chosen import chosen as chosen_executor
    from harness.jobs.files import Asked
    from harness.parts import checksum

    if executor is None:
        return None
    where, found = store_where(chosen["store"]), chosen_executor(executor)
    device = found.device if chosen["device"] == "auto" else chosen["device"]
    chosen["device"] = "cpu"
    asked = Asked(
        grid=reshape(raw_grid(chosen)) if reshape else raw_grid(chosen),
        only=tuple(chosen["only"]),
        plugins={str(path): checksum(path) for path in (Path(file).resolve() for file in chosen["plugin_files"])},
        device=device,
        store=str(where.resolve()) if isinstance(where, Path) else where,
        cwd=str(Path.cwd()),
    )
    return Jobs(found, Path(runs).resolve(), asked)


def cancel_left(files: RunFiles, left: Mapping[str, str]) -> None:
    """Cancel jobs at the engine that has them since the run's last start."""
    from harness.executors.chosen import chosen as chosen_executor
    from harness.jobs.state import executor_of

    chosen_executor(executor_of(files)).build(files.root / "submitit").cancel(left)
    for job in left:
        files.note("cancelled", job=job)


def start(files: RunFiles) -> Start:
    """How jobs are started: in a snapshot of the code, by this interpreter."""
    from harness.jobs.driver import Start
    from harness.jobs.snapshot import snapshot

    code = snapshot(files.root / "code")
    before = os.environ.get("PYTHONPATH")
    paths = [*([str(code)] if code else []), *([before] if before else [])]
    env = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    # -P: the folder where the command was given may hold another harness
    return Start((sys.executable, "-P", "-m", "harness", "run-stage"), env)


@contextmanager
def _noted(files: RunFiles) -> Iterator[None]:
    """What ends a run early is in its history, too, for who looks later."""
    from harness.errors import HarnessError, StoreError

    try:
        yield
    except HarnessError as error:
        with suppress(StoreError):  # the disk may be full: the first error is the one to tell
            files.note("broke", reason=str(error))
        raise


def _heard(driver: Any, grid: Grid, data: Data, bars: Bars | Quiet) -> Iterator[Ended]:
    """Cells of tasks as these end."""
    from harness.record import RunRecord
    from harness.runner import Ended, failed

    cells = {cell.id: cell for cell in grid.cells}
    began = time.perf_counter()
    for task, outcome in driver.run():
        bars.advance(1, f"{task.stage} {outcome.kind}")
        if task.stage != "score":
            continue
        cell = cells[task.cell]
        record = RunRecord.model_validate(outcome.record) if outcome.record else failed(cell, data, outcome.reason)
        yield Ended(cell, record, outcome.seconds or time.perf_counter() - began)
