"""What ``harness status`` shows: the table of a run, what its engine says of its jobs, and their logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from harness.cli.common import out

if TYPE_CHECKING:
    from pathlib import Path

    from harness.jobs.files import RunFiles
    from harness.jobs.state import RunState

SHOWN = 10
"""Failures, or jobs, that are named."""
States = Mapping[str, tuple[str, str]]
"""Job -> what the engine calls it, and what it says of it."""


def engine_states(files: RunFiles) -> States:
    """Of the jobs that run or wait, where their engine can be asked from here."""
    from harness.errors import HarnessError
    from harness.executors.chosen import LASTING, chosen
    from harness.jobs.state import alive, executor_of

    name, left = executor_of(files), alive(files)
    if name not in LASTING or not left:
        return {}
    try:
        told = chosen(name).build(files.root / "submitit").states(left)
    except HarnessError:  # no such engine on this machine: the files say what they can
        return {}
    return {job: (left[job], words) for job, words in told.items()}


def show(files: RunFiles, found: RunState, told: States) -> None:
    """The table, and what a person may want to do next."""
    from harness.jobs.state import alive

    out().print(_table(found))
    if found.reason:
        _say(f"[red]it ended[/]: {escape(found.reason)}")
    left = alive(files)
    if left and not files.is_driven:
        _say(f"No process drives it, and {len(left)} jobs still run or wait: the same harness run adopts them,")
        _say(f"harness cancel {files.root.name} stops them.")
    for job, (handle, words) in list(told.items())[:SHOWN]:
        _say(f"{job} ({found.executor} {handle}): {escape(words)}")
    own = [failure for failure in found.failures if failure[1]]
    for task, job, reason in own[:SHOWN]:
        _say(f"[red]failed[/] {task} ({job}): {escape(reason)}")
    if len(own) < len(found.failures):
        _say(f"{len(found.failures) - len(own)} more failed with these, since they waited for them.")
    if own:
        _say(f"Their logs: harness status {files.root.name} --log JOB")


def job_log(files: RunFiles, job: str) -> str:
    """What a job has printed, and what its engine has; without a name, that of the job that failed last.

    Raises:
        ExecutorError: there is no such job.
    """
    from harness.errors import ExecutorError
    from harness.jobs.state import handle_of, state

    failed = [name for _, name, _ in state(files).failures if name]
    name = job or (failed[-1] if failed else "")
    logs = {"of the job": files.log(name), "of its engine": _engine_log(files, handle_of(files, name))}
    there = {whose: path for whose, path in logs.items() if name and path.is_file()}
    if not there:
        names = ", ".join(sorted(path.stem for path in files.log("x").parent.glob("*.log"))[-5:]) or "none"
        problem = f"there is no log of {name!r}" if name else f"no job of {files.root.name} has failed"
        raise ExecutorError(problem, f"Name one: harness status --log JOB. The last ones: {names}.")
    texts = {whose: path.read_text("utf-8", "replace").strip() for whose, path in there.items()}
    told = [f"{there[whose]} ({whose})\n{text}" for whose, text in texts.items() if text]
    return "\n\n".join(told) or f"{there[next(iter(there))]} is empty: the job has printed nothing."


def _engine_log(files: RunFiles, handle: str) -> Path:
    """Where submitit has what a job printed before the harness began, or after it was killed."""
    return files.root / "submitit" / f"{handle}_0_log.out"


def _say(text: str) -> None:
    out().print(text, highlight=False, soft_wrap=True)


def _table(found: RunState) -> Table:
    left = "" if not found.hours or found.state != "running" else f", about {_span(found.hours)} left at most"
    lost = f", {found.lost} lost jobs tried again" if found.lost else ""
    failed = f", {len(found.failures)} tasks failed" if found.failures else ""
    nothing = "nothing was left to do" if found.state == "finished" else "its tasks are not yet known"
    soon = "" if found.stages else f", {nothing}"
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
