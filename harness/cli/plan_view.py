"""The plan for people: a table of stages with their time, and the skipped cells with their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from harness.expected import REST, Expected, Guess, Time
from harness.grid import Grid
from harness.leaderboard import plain
from harness.plan import Plan
from harness.protocol import Data


def show(console: Console, grid: Grid, data: Data, plan: Plan, failed: Mapping[Guess, str]) -> None:
    """Print a plan; ``failed``: what could not be calibrated, with the reason."""
    counts = data.counts()
    console.print(
        f"[bold]{grid.heading.name}[/]: {plain(grid.heading.description or 'a grid of plugins')}", highlight=False
    )
    console.print(
        f"{data.protocol.title} on {plain(data.dataset)}, protocol {data.protocol_hash[:12]}", highlight=False
    )
    console.print(", ".join(f"{name} {n}" for name, n in counts.items()), highlight=False)
    console.print(_stages(plan))
    console.print(
        f"pairs to match: at most {plan.pairs:,}; to store: about {plan.bytes / 1e6:,.0f} MB", highlight=False
    )
    console.print(f"time: {spoken(plan.expected)}", highlight=False)
    for guess in plan.expected.unmeasured:
        console.print(
            f"[yellow]not measured here[/] {guess.stage} {plain(guess.kind)}", highlight=False, soft_wrap=True
        )
    for guess, reason in failed.items():
        name = f"{guess.stage} {plain(guess.kind)}"
        console.print(f"[red]calibration failed[/] {name}: {plain(reason)}", highlight=False, soft_wrap=True)
    for cell in plan.cells:
        console.print(f"cell {plain(cell.title)}", highlight=False, soft_wrap=True)
    for cell, reason in plan.skipped:
        console.print(f"[yellow]skipped[/] {plain(cell.title)}: {plain(reason)}", highlight=False, soft_wrap=True)


def _stages(plan: Plan) -> Table:
    table = Table(title=f"{len(plan.cells)} cells to run, {len(plan.skipped)} skipped", title_justify="left")
    for name in ("stage", "distinct", "cached", "time", "known from"):
        table.add_column(name, justify="left" if name in ("stage", "known from") else "right")
    for stage, numbers in plan.stages.items():
        time = plan.expected.times[stage]
        table.add_row(stage, str(numbers["total"]), str(numbers["cached"]), _clock(time.seconds), _source(time))
    rest = plan.expected.times[REST.stage]
    table.add_row(REST.stage, "", "", _clock(rest.seconds), _source(rest))
    return table


def _source(time: Time) -> str:
    if not time.seconds:
        return "nothing to do"
    return "measured here" if not time.guessed else "a guess" if not time.measured else "measured in part"


def spoken(expected: Expected) -> str:
    """The time for a sentence: a range where it is rough."""
    time = expected.time
    if not time.rough:
        return f"about {_clock(time.seconds)}"
    low, high = (_clock(seconds) for seconds in time.span)
    advice = "; harness plan --calibrate measures it here" if expected.unmeasured else ""
    return f"{low} to {high} (rough: {time.guessed / time.seconds:.0%} of it is a guess{advice})"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
