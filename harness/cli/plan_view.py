"""The plan for people: a table of stages and the skipped cells with their reasons."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from harness.grid import Grid
from harness.leaderboard import plain
from harness.plan import Plan
from harness.protocol import Data


def show(console: Console, grid: Grid, data: Data, plan: Plan) -> None:
    """Print a plan."""
    counts = data.counts()
    console.print(
        f"[bold]{grid.heading.name}[/]: {plain(grid.heading.description or 'a grid of plugins')}", highlight=False
    )
    console.print(
        f"{data.protocol.title} on {plain(data.dataset)}, protocol {data.protocol_hash[:12]}", highlight=False
    )
    console.print(", ".join(f"{name} {n}" for name, n in counts.items()), highlight=False)
    table = Table(title=f"{len(plan.cells)} cells to run, {len(plan.skipped)} skipped", title_justify="left")
    for name in ("stage", "distinct", "cached"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, numbers in plan.stages.items():
        table.add_row(stage, str(numbers["total"]), str(numbers["cached"]))
    console.print(table)
    rough = " (rough: nothing was measured here yet)" if plan.guessed and plan.seconds else ""
    console.print(
        f"pairs to match: at most {plan.pairs:,}; to store: about {plan.bytes / 1e6:,.0f} MB", highlight=False
    )
    console.print(f"time: about {timedelta(seconds=round(plan.seconds))}{rough}", highlight=False)
    for cell in plan.cells:
        console.print(f"cell {plain(cell.title)}", highlight=False, soft_wrap=True)
    for cell, reason in plan.skipped:
        console.print(f"[yellow]skipped[/] {plain(cell.title)}: {plain(reason)}", highlight=False, soft_wrap=True)
