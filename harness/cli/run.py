"""``harness run`` and ``collect``: the commands that write records."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from harness.cli.common import (
    console,
    json_option,
    open_store,
    out,
    print_json,
    results_option,
)
from harness.cli.dispatch import Jobs, asked_jobs, executor_options
from harness.cli.options import chosen_grid, grid_options

if TYPE_CHECKING:
    from harness.expected import Expected, Time
    from harness.grid import Grid
    from harness.registry import Registry
    from harness.results import Results
    from harness.runner import Ended, Reuse
    from harness.store import Store

LONG = 60.0
"""Seconds from which on a run says beforehand how long it will take."""


@dataclass
class _Outcome:
    """What a run has come to so far: the cells that have ended, the time that was planned, and when that began."""

    ended: list[Ended] = field(default_factory=list)
    planned: Time | None = None
    began: float = field(default_factory=time.monotonic)


@click.command(
    epilog="""\b
Examples:
  harness run --grid
  harness run --grid demo --set train.epochs=2 --only loss=arcface
  harness run --dataset 'folder[root=photos]' --protocol study --loss arcface
  harness run --grid --executor 'local[processes=2]'
  harness run --grid my-grid.toml --executor 'slurm[partition=gpu,gpus=1,cpus=4,time=240]'
Interrupt with Ctrl-C at any time: the same command goes on where it stopped."""
)
@grid_options
@results_option
@executor_options
@click.option("--quiet", is_flag=True, help="No progress, only the leaderboard.")
@click.option("--debug", is_flag=True, help="Stop at the first unexpected failure and show where it happened.")
@json_option
def run(results: str, quiet: bool, debug: bool, as_json: bool, executor: str | None, runs: str, **chosen: Any) -> None:
    """Run a grid, or one cell, and write its records and the leaderboard.

    With --executor it runs as jobs: on several processes or GPUs of this machine, on SLURM, or on Ray.
    """
    report = partial(_report, as_json=as_json)
    jobs = asked_jobs(executor, runs, chosen)
    execute(chosen_grid(chosen), chosen["store"], results, "only-missing", report, quiet=quiet, debug=debug, jobs=jobs)


@click.command(
    epilog="""\b
Example:
  harness collect --grid demo       a leaderboard of what exists so far"""
)
@grid_options
@results_option
@json_option
def collect(results: str, as_json: bool, **chosen: Any) -> None:
    """Write records for the cells of a grid that are finished in the store; compute nothing."""
    report = partial(_report, as_json=as_json)
    execute(chosen_grid(chosen), chosen["store"], results, "never-compute", report, quiet=True, debug=False)


def execute(
    chosen: tuple[Grid, Registry],
    store_dir: str | None,
    results_dir: str,
    reuse: Reuse,
    report: Callable[[list[Ended], Results], None],
    *,
    quiet: bool,
    debug: bool,
    jobs: Jobs | None = None,
) -> None:
    """Run or collect, and end with leaderboard, report, summary and exit code, also when the run was cut short."""
    from harness import leaderboard
    from harness.errors import StoreError
    from harness.results import Batch, Results

    grid, registry = chosen
    store, results, began = open_store(store_dir), Results(Path(results_dir)), time.monotonic()
    results.check()
    leaderboard.queried(results, results.read())  # a damaged file is told before hours of work
    outcome = _Outcome()
    failure: BaseException | None = None
    try:
        with Batch(results) as batch:
            for cell in _cells(grid, registry, store, results, reuse, quiet, debug, outcome, jobs):
                outcome.ended.append(cell)
                batch.add(cell.record)
    except (KeyboardInterrupt, StoreError) as error:
        failure = error
    leaderboard.save(results)
    report(outcome.ended, results)
    for cell in outcome.ended if quiet else ():
        if cell.record.status == "failed":
            console().print(_line(cell), highlight=False, soft_wrap=True)
    summary = _summary(outcome, len(grid.cells), time.monotonic() - began, results_dir)
    console().print(summary, highlight=False, soft_wrap=True)
    _leave(failure, outcome)


def _leave(failure: BaseException | None, outcome: _Outcome) -> None:
    """End as the run ended: 130 where it was interrupted, 1 where a cell failed."""
    if isinstance(failure, KeyboardInterrupt):
        console().print("Interrupted. The same command goes on where this one stopped.")
        raise SystemExit(130)
    if failure:
        raise failure
    if any(cell.record.status == "failed" for cell in outcome.ended):
        raise SystemExit(1)


def _cells(
    grid: Grid,
    registry: Registry,
    store: Store,
    results: Results,
    reuse: Reuse,
    quiet: bool,
    debug: bool,
    outcome: _Outcome,
    jobs: Jobs | None,
) -> Iterator[Ended]:
    """Cells as they end, with progress on the error stream; observers are told of each.

    The rows to compare with, and the queries behind all rows, are written first.
    """
    from harness.data import load
    from harness.expected import REST
    from harness.pipeline import Pipeline
    from harness.plan import Planner
    from harness.progress import Bars, Quiet
    from harness.runner import queries, reference_rows
    from harness.runner import run as run_cells
    from harness.weights import compute_device

    with Quiet() if quiet else Bars(console()) as bars:
        data = load(grid.dataset, grid.protocol, store, bars)
        bars.grid(len(grid.cells))
        device = jobs.asked.device if jobs else compute_device()
        pipeline = Pipeline(store, data, device, bars, partial(registry.tell, "harness_stage_finished"))
        if reuse == "only-missing" and not jobs:
            _foretell(Planner(grid, pipeline.keys, store).plan().expected, outcome, quiet)
        compared = reference_rows(data, pipeline)
        results.add(compared)
        results.add_queries(compared[0], queries(pipeline))
        ran = jobs.run(grid, data, pipeline, bars) if jobs else run_cells(grid, data, pipeline, reuse, debug)
        for cell in ran:
            yield cell
            registry.tell("harness_cell_finished", record=cell.record.model_dump(mode="json"))
            bars.cell(_line(cell))
        if outcome.planned:
            pipeline.bench.timings.add(REST.stage, 1, time.monotonic() - outcome.began - pipeline.bench.busy)


def _foretell(expected: Expected, outcome: _Outcome, quiet: bool) -> None:
    """Note the planned time, and tell it where it is long."""
    from harness.cli.plan_view import spoken

    outcome.planned, outcome.began = expected.time, time.monotonic()
    if expected.time.seconds >= LONG and not quiet:
        console().print(f"time: {spoken(expected)}", highlight=False, soft_wrap=True)


def _line(ended: Ended) -> str:
    record, title = ended.record, escape(ended.cell.title)
    if record.status != "ok":
        colour = "yellow" if record.status == "skipped" else "red"
        return f"[{colour}]{record.status}[/] {title}: {escape(record.reason)}"
    shown = [
        f"{name} {100 * m.value:.1f}"
        for name, m in record.metrics.items()
        if name in ("R-1", "R-20") and m.value is not None
    ]
    computed = [stage for stage, cached in record.cached.items() if not cached]
    source = f"{ended.seconds:.1f} s" if computed else "cached"
    return f"[green]ok[/] {title}: {', '.join(shown)} ({source})"


def _report(ended: list[Ended], results: Results, as_json: bool) -> None:
    """The rows of this run; for people beside those of chance and majority."""
    from harness import leaderboard

    records = [cell.record for cell in ended]
    if as_json:
        print_json(leaderboard.rows(records))
        return
    protocols = {record.protocol_hash for record in records}
    compared = [r for r in results.read() if r.kind == "reference" and r.protocol_hash in protocols]
    for first, group in leaderboard.tables([*records, *compared]):
        for table in leaderboard.terminal(first, group, out().width):
            out().print(table)


def _summary(outcome: _Outcome, cells: int, seconds: float, results: str) -> str:
    ended, planned = outcome.ended, outcome.planned
    if not ended:
        return f"0 of {cells} cells have ended; {seconds:.1f} s."
    states = [cell.record.status for cell in ended]
    counted = ", ".join(f"{states.count(state)} {state}" for state in ("ok", "skipped", "failed") if state in states)
    computed = sum(any(not c for c in cell.record.cached.values()) for cell in ended)
    done = f"{len(ended)} of {cells} cells: {counted}; {computed} computed something; {seconds:.1f} s."
    spent = time.monotonic() - outcome.began
    took = f" The cells took {spent:.0f} s, planned: {planned.seconds:.0f} s." if planned else ""
    shown = "" if results == "results" else f" --results {shlex.quote(results)}"
    return f"{done}{took} Records in {results}/records. Look at them: harness report{shown}"
