"""The options that say which cells run, and the grid that they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.common import open_registry, plugin_option, store_option

if TYPE_CHECKING:
    from harness.grid import Grid
    from harness.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])
Reshape = Callable[[dict[str, Any]], dict[str, Any]]
AXES = ("backbone", "loss", "matcher", "fusion", "openset")
ONE_CELL = {
    "backbone": "resnet50",
    "loss": "arcface",
    "matcher": "mutual-nn",
    "fusion": "replace",
    "openset": "threshold",
}
TEXTS = {
    "grid": "A built-in grid or a TOML file; --grid alone is the demo grid.",
    "dataset": "The data set, instead of the grid's own.",
    "protocol": "The protocol, instead of the grid's own.",
    "seed": "The seed, instead of the grid's own.",
    "set": "Override a setting of the grid, such as train.epochs=3 (may be repeated).",
    "only": "Keep only matching cells, such as loss=arc* (may be repeated: all must hold).",
    "device": "Where networks run.",
}


def protocol_options(command: F) -> F:
    """Which protocol and data: those of a grid, or named."""
    options = [
        click.option("--grid", metavar="[NAME|FILE]", is_flag=False, flag_value="demo", help="Take its protocol."),
        click.option("--dataset", metavar="PLUGIN", help=TEXTS["dataset"]),
        click.option("--protocol", type=click.Choice(["official", "study"]), help=TEXTS["protocol"]),
        click.option("--set", "assignments", metavar="protocol.SETTING=VALUE", multiple=True, help=TEXTS["set"]),
    ]
    for option in reversed(options):
        command = option(command)
    return store_option(plugin_option(command))


def grid_options(command: F) -> F:
    """Which cells: a grid, or one cell from plain options."""
    options = [
        click.option("--grid", metavar="[NAME|FILE]", is_flag=False, flag_value="demo", help=TEXTS["grid"]),
        *(
            click.option(
                f"--{axis}",
                metavar="PLUGIN",
                multiple=True,
                help=f"Without a grid: the {axis} [default: {ONE_CELL[axis]}]; repeated, every combination is a cell.",
            )
            for axis in AXES
        ),
        click.option("--dataset", metavar="PLUGIN", help=TEXTS["dataset"]),
        click.option("--protocol", type=click.Choice(["official", "study"]), help=TEXTS["protocol"]),
        click.option("--seed", type=int, help=TEXTS["seed"]),
        click.option("--set", "assignments", metavar="SECTION.SETTING=VALUE", multiple=True, help=TEXTS["set"]),
        click.option("--only", metavar="AXIS=PATTERN", multiple=True, help=TEXTS["only"]),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda"]),
            default="auto",
            show_default=True,
            envvar="HARNESS_DEVICE",
            help=TEXTS["device"],
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return store_option(plugin_option(command))


def chosen_grid(chosen: dict[str, Any], reshape: Reshape | None = None) -> tuple[Grid, Registry]:
    """The validated grid that the options mean, and the plugins that it was made from.

    Args:
        reshape: makes another grid of the one that was read, after ``--set`` and before ``--only``.

    Raises:
        HarnessError: see :func:`harness.grid.expand`; UsageError: a grid and the options of one cell together.
    """
    from harness import grid as grids

    os.environ["HARNESS_DEVICE"] = chosen.get("device", "cpu")
    registry, overridden = open_registry(chosen["plugin_files"]), raw_grid(chosen)
    shaped = reshape(overridden) if reshape else overridden
    return grids.expand(shaped, registry, chosen.get("only", ())), registry


def raw_grid(chosen: dict[str, Any]) -> dict[str, Any]:
    """The grid that the options mean, as a file would have it."""
    from harness import grid as grids

    given = {axis: chosen[axis] for axis in AXES if chosen.get(axis)}
    single = {axis: [value] if isinstance(value, str) else list(value) for axis, value in given.items()}
    if chosen["grid"] and single:
        option = next(iter(single))
        raise click.UsageError(f"--grid and --{option} exclude each other; narrow a grid with --only {option}=...")
    raw = grids.read(chosen["grid"]) if chosen["grid"] else {"grid": {"name": "cell"}, "axes": {**ONE_CELL, **single}}
    forced = {"protocol.dataset": chosen["dataset"], "protocol.name": chosen["protocol"]}
    assignments = [f"{name}='{value}'" for name, value in forced.items() if value]
    assignments += [f"grid.seeds=[{chosen['seed']}]"] if chosen.get("seed") is not None else []
    return grids.override(raw, [*assignments, *chosen["assignments"]])
