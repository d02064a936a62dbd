"""``harness run``, ``plan`` and ``collect``: the grid commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.common import (
    console,
    json_option,
    open_registry,
    open_store,
    out,
    plugin_option,
    print_json,
    results_option,
    store_option,
)

if TYPE_CHECKING:
    from harness.grid import Grid
    from harness.registry import Registry
    from harness.runner import Ended, Reuse

F = TypeVar("F", bound=Callable[..., Any])
AXES = ("backbone", "loss", "matcher", "fusion", "openset")
ONE_CELL = {
    "backbone": "resnet50",
    "loss": "arcface",
    "matcher": "mutual-nn",
    "fusion": "replace",
    "openset": "threshold",
}


def grid_options(command: F) -> F:
    """Which cells: a grid, or one cell from plain options."""
    options = [
        click.option("--grid", metavar="[NAME|FILE]", is_flag=False, flag_value="demo", help="A built-in grid or a TOML file; --grid alone is the demo grid."),
        *(click.option(f"--{axis}", metavar="PLUGIN", help=f"One cell: its {axis} [default: {ONE_CELL[axis]}].") for axis in AXES),
        click.option("--dataset", metavar="PLUGIN", help="The data set, instead of the grid's own."),
        click.option("--protocol", type=click.Choice(["official", "study"]), help="The protocol, instead of the grid's own."),
        click.option("--seed", type=int, help="The seed, instead of the grid's own."),
        click.option("--set", "assignments", metavar="SECTION.SETTING=VALUE", multiple=True, help="Override a setting of the grid, such as train.epochs=3 (may be repeated)."),
        click.option("--only", metavar="AXIS=PATTERN", multiple=True, help="Keep only matching cells, such as backbone=resnet* (may be repeated)."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, envvar="HARNESS_DEVICE", help="Where networks run."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return store_option(plugin_option(command))


@click.command(
    epilog="""\b
Examples:
  harness run --grid
  harness run --grid demo --set train.epochs=2 --only backbone=resnet10t
  harness run --dataset 'folder[root=photos]' --protocol study --loss arcface
Interrupt with Ctrl-C at any time: the same command goes on where it stopped."""
)
@grid_options
@results_option
@click.option("--quiet", is_flag=True, help="No progress, only the leaderboard.")
@click.option("--debug", is_flag=True, help="Stop at the first unexpected failure and show where it happened.")
@json_option
def run(results: str, quiet: bool, debug: bool, as_json: bool, **chosen: Any) -> None:
    """Run a grid, or one cell, and write its records and the leaderboard."""
    _execute(chosen, results, "only-missing", quiet=quiet, debug=debug, as_json=as_json)


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
    _execute(chosen, results, "never-compute", quiet=True, debug=False, as_json=as_json)


@click.command(
    epilog="""\b
Examples:
  harness plan --grid demo
  harness plan --grid my-grid.toml --json"""
)
@grid_options
@json_option
def plan(as_json: bool, **chosen: Any) -> None:
    """Show what a run would do: cells, stages, what is cached, pairs to match, bytes and time."""
    from harness.cli.plan_view import show
    from harness.data import load
    from harness.keys import Keys
    from harness.plan import Planner
    from harness.progress import Bars
    from harness.weights import compute_device

    grid, _ = _grid(chosen)
    store = open_store(chosen["store"])
    with Bars(console()) as bars:
        data = load(grid.dataset, grid.protocol, store, bars)
    planned = Planner(grid, Keys(data, compute_device()), store).plan()
    if as_json:
        print_json({"grid": grid.heading.name, "protocol_hash": data.protocol_hash, **planned.as_json()})
    else:
        show(out(), grid, data, planned)


def _execute(
    chosen: dict[str, Any], results_dir: str, reuse: Reuse, *, quiet: bool, debug: bool, as_json: bool
) -> None:
    from harness import leaderboard
    from harness.data import load
    from harness.errors import StoreError
    from harness.pipeline import Pipeline
    from harness.progress import Bars, Quiet
    from harness.results import Results
    from harness.runner import run as run_cells
    from harness.weights import compute_device

    grid, registry = _grid(chosen)
    store, results, began = open_store(chosen["store"]), Results(Path(results_dir)), time.monotonic()
    messages = console()
    ended: list[Ended] = []
    failure: BaseException | None = None
    with Quiet() if quiet else Bars(messages) as bars:
        data = load(grid.dataset, grid.protocol, store, bars)
        bars.grid(len(grid.cells))
        pipeline = Pipeline(store, data, compute_device(), bars, registry.manager.hook.harness_stage_finished)
        try:
            for cell in run_cells(grid, data, pipeline, reuse, debug):
                ended.append(cell)
                results.add([cell.record])
                registry.manager.hook.harness_cell_finished(record=cell.record.model_dump(mode="json"))
                bars.cell(_line(cell))
        except (KeyboardInterrupt, StoreError) as error:
            failure = error
    results.write("leaderboard.md", leaderboard.markdown(results.read()))
    results.write("leaderboard.csv", leaderboard.comma_separated(results.read()))
    _report(ended, as_json, quiet)
    messages.print(
        _summary(ended, len(grid.cells), time.monotonic() - began, results_dir), highlight=False, soft_wrap=True
    )
    if isinstance(failure, KeyboardInterrupt):
        messages.print("Interrupted. The same command goes on where this one stopped.")
        raise SystemExit(130)
    if failure:
        raise failure
    if any(cell.record.status == "failed" for cell in ended):
        raise SystemExit(1)


def _grid(chosen: dict[str, Any]) -> tuple[Grid, Registry]:
    import os

    from harness import grid as grids

    os.environ["HARNESS_DEVICE"] = chosen["device"]
    registry = open_registry(chosen["plugin_files"])
    single = {axis: chosen[axis] for axis in AXES if chosen[axis]}
    if chosen["grid"] and single:
        option = next(iter(single))
        raise click.UsageError(f"--grid and --{option} exclude each other; narrow a grid with --only {option}=...")
    raw = grids.read(chosen["grid"]) if chosen["grid"] else {"grid": {"name": "cell"}, "axes": {**ONE_CELL, **single}}
    forced = {"protocol.dataset": chosen["dataset"], "protocol.name": chosen["protocol"]}
    assignments = [f"{name}='{value}'" for name, value in forced.items() if value]
    assignments += [f"grid.seeds=[{chosen['seed']}]"] if chosen["seed"] is not None else []
    return grids.expand(grids.override(raw, [*assignments, *chosen["assignments"]]), registry, chosen["only"]), registry


def _line(ended: Ended) -> str:
    record, title = ended.record, ended.cell.title.replace("[", "\\[")
    if record.status != "ok":
        colour = "yellow" if record.status == "skipped" else "red"
        return f"[{colour}]{record.status}[/] {title}: {record.reason.replace('[', chr(92) + '[')}"
    shown = [
        f"{name} {100 * m.value:.1f}"
        for name, m in record.metrics.items()
        if name in ("R-1", "R-20") and m.value is not None
    ]
    computed = [stage for stage, cached in record.cached.items() if not cached]
    source = f"{ended.seconds:.1f} s" if computed else "cached"
    return f"[green]ok[/] {title}: {', '.join(shown)} ({source})"


def _report(ended: list[Ended], as_json: bool, quiet: bool) -> None:
    from harness import leaderboard

    records = [cell.record for cell in ended]
    if as_json:
        print_json(leaderboard.rows(records))
        return
    for first, group in leaderboard.tables(records):
        out().print(leaderboard.terminal(first, group))


def _summary(ended: list[Ended], cells: int, seconds: float, results: str) -> str:
    states = [cell.record.status for cell in ended]
    counted = ", ".join(f"{states.count(state)} {state}" for state in ("ok", "skipped", "failed") if state in states)
    computed = sum(any(not c for c in cell.record.cached.values()) for cell in ended)
    return f"{len(ended)} of {cells} cells: {counted or 'none'}; {computed} computed something; {seconds:.1f} s. Records in {results}/records."
