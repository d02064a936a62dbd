"""``harness status``, ``cancel`` and ``run-stage``: what goes with ``harness run --executor``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import console, json_option, print_json
from harness.cli.dispatch import cancel_left, runs_option
from harness.cli.status_view import engine_states, job_log, show


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
        click.echo(job_log(files, log))
        return
    told = engine_states(files)
    found = state(files, [job for job, (_, words) in told.items() if not words.startswith("RUNNING")])
    if as_json:
        jobs = [{"job": job, "handle": handle, "state": words} for job, (handle, words) in told.items()]
        print_json({**found.as_json(), "jobs": jobs})
        return
    show(files, found, told)


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
    from harness.jobs.state import alive, find

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
    cancel_left(files, left)
    told = ", ".join(left)
    console().print(f"{files.root.name}: no process drives it; what it had left was cancelled: {told}", highlight=False)


@click.command(
    "run-stage",
    epilog="""\b
Example:
  harness run-stage runs/demo-1a2b3c4d/jobs/train-00001.json --again
Such files are written by harness run --executor; a job can be run by hand to see what fails.""",
)
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--log", type=click.Path(path_type=Path), help="Add all that is printed to this file.")
@click.option("--again", is_flag=True, help="Try tasks that have failed again, and those of a cancelled run.")
def run_stage(job: Path, log: Path | None, again: bool) -> None:
    """Do the tasks of one job: what executors start on their nodes."""
    from harness.cli.common import console
    from harness.jobs.files import RunFiles, read_job
    from harness.jobs.worker import logged, work
    from harness.progress import Bars

    with logged(log):
        found = read_job(job)
        files = RunFiles(job.resolve().parents[1])
        if files.cancelled and not again:
            console().print(f"{files.root.name} was cancelled; --again does its tasks all the same", highlight=False)
            raise SystemExit(1)
        with Bars(console()) as bars:
            outcomes = work(found, files, bars, again)
        for outcome in outcomes:
            told = f"{outcome.kind} {outcome.task} {outcome.seconds:.1f} s {outcome.reason}".rstrip()
            console().print(told, highlight=False, markup=False, soft_wrap=True)
    if any(outcome.kind != "ok" for outcome in outcomes):
        raise SystemExit(1)
