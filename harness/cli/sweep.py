"""``harness sweep``: when does re-ranking help? Backbones of different strength, and what each arm adds to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import console, json_option, out, print_json, results_option
from harness.cli.dispatch import asked_jobs, executor_options
from harness.cli.options import AXES, chosen_grid, grid_options
from harness.cli.run import execute

if TYPE_CHECKING:
    from harness.grid import Grid
    from harness.record import RunRecord
    from harness.results import Results
    from harness.runner import Ended

    Report = Callable[[list[RunRecord], Results], None]


class Epochs(click.ParamType[Any]):
    """Whole numbers from 0 on, by comma."""

    name = "epochs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """In order, each once."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(word.isascii() and word.isdigit() for word in words):
            self.fail(f"{value!r} is no list of epochs such as 0,1,2,4,8,16", param, ctx)
        return tuple(sorted({int(word) for word in words}))


@click.command(
    epilog="""\b
Examples:
  harness sweep
  harness sweep --grid my-grid.toml --epochs 0,2,8 --out gains.md
  harness sweep --only matcher=none,mutual-nn* --seed 1
  harness sweep --executor 'slurm[partition=gpu,gpus=1]'
  harness sweep --no-run                      every record of the results folder, whatever grid made it
  harness sweep --no-run --grid my-grid.toml  those of one grid
Interrupt with Ctrl-C at any time: the same command goes on where it stopped."""
)
@click.option("--epochs", type=Epochs(), default="0,1,2,4,8,16", show_default=True, help="Epochs to train; 0: frozen.")
@grid_options
@results_option
@executor_options
@click.option("--no-run", is_flag=True, help="Compute nothing: show what the records say.")
@click.option("--out", "page", metavar="FILE", help="Write the tables as Markdown, too.")
@click.option("--quiet", is_flag=True, help="No progress, only the tables.")
@click.option("--debug", is_flag=True, help="Stop at the first unexpected failure and show where it happened.")
@json_option
def sweep(
    epochs: tuple[int, ...],
    results: str,
    no_run: bool,
    page: str | None,
    quiet: bool,
    debug: bool,
    as_json: bool,
    executor: str | None,
    runs: str,
    **chosen: Any,
) -> None:
    """Train backbones for none, few and many epochs, and show what re-ranking adds to each.

    Runs a grid (the built-in grid "sweep" where none is named) with each of its losses at each number of epochs, as
    harness run does: with the same store and records, so that it goes on where it stopped. The table shows the gain of
    every matcher and fusion against the backbone's own R-1, by species.
    """
    from harness.disk import explained
    from harness.results import Results
    from harness.sweep import swept

    if page:  # better before hours of work than after
        with explained(Path(page), "page", "--out"):
            Path(page).parent.mkdir(parents=True, exist_ok=True)
    report, reshape = partial(_report, page=page, as_json=as_json), partial(swept, epochs=epochs)
    named = bool(chosen["grid"] or any(chosen[axis] for axis in AXES))
    if no_run:
        kept = Results(Path(results))
        report(_of(chosen_grid(chosen, reshape)[0], kept) if named else _all(chosen, kept), kept)
        return
    chosen = chosen if named else {**chosen, "grid": "sweep"}
    jobs = asked_jobs(executor, runs, chosen, reshape)
    grid, ended = chosen_grid(chosen, reshape), partial(_ended, report)
    execute(grid, chosen["store"], results, "only-missing", ended, quiet=quiet, debug=debug, jobs=jobs)


def _of(grid: Grid, results: Results) -> list[RunRecord]:
    """The records of a grid's cells on its data set, under protocols of its name."""
    cells = {cell.id for cell in grid.cells}
    there = (grid.protocol.title, grid.dataset.label)
    return [row for row in results.read() if row.cell in cells and (row.protocol, row.dataset) == there]


def _all(chosen: dict[str, Any], results: Results) -> list[RunRecord]:
    for name in ("only", "assignments", "dataset", "protocol", "seed"):
        if chosen[name] not in (None, ()):
            raise click.UsageError("--no-run alone shows every record: name a --grid to narrow it")
    return results.read()


def _ended(report: Report, ended: list[Ended], results: Results) -> None:
    report([cell.record for cell in ended], results)


def _report(records: list[RunRecord], results: Results, page: str | None, as_json: bool) -> None:
    """The tables of these records, on the screen and in a file."""
    from harness import leaderboard as board
    from harness.disk import explained, write_atomically

    cells = [record for record in records if record.kind == "cell"]
    if not cells:
        console().print(f"There are no records of these cells in {results.root}/records.", highlight=False)
    queried = board.queried(results, cells)
    tables = [(first, board.gains(group, queried.get(first.protocol_hash))) for first, group in board.tables(cells)]
    if page:
        with explained(Path(page), "page", "--out"):
            write_atomically(Path(page), board.gains_markdown(tables).encode())
    if as_json:
        print_json([board.gains_rows(first, found) for first, found in tables])
        return
    for first, found in tables:
        for shown in board.gains_terminal(first, found, out().width):
            out().print(shown)
