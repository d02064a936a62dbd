"""``harness status``, ``cancel`` and ``run-stage``: what goes with ``harness run --executor``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from harness.cli.common import console, json_option, out, print_json
from harness.cli.dispatch import runs_option

if TYPE_CHECKING:
    from harness.jobs.files import RunFiles
    from harness.jobs.state import RunState


@click.command(
    epilog="""\b
Examples:
  harness status                    the newest run in ./runs
  harness status demo-1a2b3c4d --json
  harness status --log              the log of the job that failed last
  harness status --log train-00003"""
)
@click.argument("run", required=False)
@runs_option
@click.option(
    "--log",
    metavar="[JOB]",
    is_flag=False,
    flag_value="",
    help="Print the log of a job; alone, of the last that failed.",
)
@json_option
def status(run: str | None, runs: str, log: str | None, as_json: bool) -> None:
    """How a run of jobs stands: tasks of each stage, rate, time left, failures."""
    from harness.jobs.state import find, state

    files = find(run, Path(runs))
    if log is not None:
        click.echo(_log(files, log))
        return
    found = state(files)
    if as_json:
        print_json(found.as_json())
        return
    out().print(_table(found))
    for task, job, reason in found.failures[:20]:
        out().print(
            f"[red]failed[/] {task} ({job or 'waited for another'}): {escape(reason)}", highlight=False, soft_wrap=True
        )
    if found.failures:
        out().print(f"Their logs: harness status {files.root.name} --log JOB", highlight=False, soft_wrap=True)


@click.command(
    epilog="""\b
Examples:
  harness cancel                    the newest run in ./runs
  harness cancel demo-1a2b3c4d
What is finished stays in the store: the same harness run goes on."""
)
@click.argument("run", required=False)
@runs_option
def cancel(run: str | None, runs: str) -> None:
    """Stop a run of jobs: those that run, and those that wait."""
    from harness.executors.chosen import chosen
    from harness.jobs.state import alive, executor_of, find

    files = find(run, Path(runs))
    left = alive(files)
    if not files.is_driven and not left:
        console().print(
            f"{files.root.name}: no process drives it, and none of its jobs runs or waits.", highlight=False
        )
        return
    files.write("cancel", True)
    if files.is_driven:
        console().print(f"{files.root.name}: its driver stops its jobs, and ends.", highlight=False)
        return
    chosen(executor_of(files)).build(files.root / "submitit").cancel(left)
    for name in left:
        files.note("cancelled", job=name)
    told = ", ".join(left)
    console().print(f"{files.root.name}: no process drives it; what it had left was cancelled: {told}", highlight=False)


@click.command(
    "run-stage",
    epilog="""\b
Example:
  harness run-stage runs/demo-1a2b3c4d/jobs/train-00001.json
Such files are written by harness run --executor; a job can be run by hand to see what fails.""",
)
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--log", type=click.Path(path_type=Path), help="Add all that is printed to this file.")
def run_stage(job: Path, log: Path | None) -> None:
    """Do the tasks of one job: what executors start on their nodes."""
    from harness.cli.common import console
    from harness.jobs.files import RunFiles, read_job
    from harness.jobs.worker import logged, work
    from harness.progress import Bars

    with logged(log):
        found = read_job(job)
        files = RunFiles(job.resolve().parents[1])
        if files.cancelled:
            console().print(f"{files.root.name} was cancelled", highlight=False)
            return
        with Bars(console()) as bars:
            outcomes = work(found, files, bars)
        for outcome in outcomes:
            told = f"{outcome.kind} {outcome.task} {outcome.seconds:.1f} s {outcome.reason}".rstrip()
            console().print(told, highlight=False, markup=False, soft_wrap=True)
    if any(outcome.kind != "ok" for outcome in outcomes):
        raise SystemExit(1)


def _log(files: RunFiles, job: str) -> str:
    """The text of a job's log."""
    from harness.errors import ExecutorError
    from harness.jobs.state import state

    failed = [name for _, name, _ in state(files).failures if name]
    name = job or (failed[-1] if failed else "")
    if not name:
        raise ExecutorError(f"no job of {files.root.name} has failed", "Name one: harness status --log train-00001")
    path = files.log(name)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in path.parent.glob("*.log"))[-5:]) or "none"
        raise ExecutorError(f"there is no log of {json.dumps(name)}", f"The last ones: {names}.")
    return path.read_text("utf-8", "replace") or f"{path} is empty: the job has printed nothing."


def _table(found: RunState) -> Table:
    left = "" if not found.hours or found.state != "running" else f", about {_span(found.hours)} left at most"
    lost = f", {found.lost} lost jobs tried again" if found.lost else ""
    failed = f", {len(found.failures)} tasks failed" if found.failures else ""
    soon = "" if found.stages else ", its tasks are not yet known"
    title = f"{found.name}: {found.state} ({found.executor}){failed}{left}{lost}{soon}"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("stage")
    for name in ("waiting", "queued", "running", "done", "failed", "s a task", "an hour", "left"):
        table.add_column(name, justify="right")
    for name, stage in found.stages.items():
        counts = [str(n) for n in (stage.waiting, stage.queued, stage.running, stage.done)]
        red = f"[red]{stage.failed}[/]" if stage.failed else "0"
        hours = "?" if stage.hours is None else _span(stage.hours)
        table.add_row(name, *counts, red, f"{stage.seconds:.1f}", f"{stage.rate:.0f}", hours)
    return table


def _span(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min" if hours > 1 / 60 else f"{3600 * hours:.0f} s"
