"""``harness audit``: what a system looks at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import (
    console,
    json_option,
    open_store,
    out,
    plugin_option,
    print_json,
    results_option,
    store_option,
)

if TYPE_CHECKING:
    from harness.audit.background import Background
    from harness.grid import Grid
    from harness.keys import Keys
    from harness.masks import Masks
    from harness.registry import Registry
    from harness.workbench import Workbench


@click.group()
def audit() -> None:
    """Audits of systems: is it the animal that they look at? (Data sets: harness data audit.)"""


@audit.command(
    epilog="""\b
Examples:
  harness audit background synthetic-herd --backbone 'timm[model=resnet10t,weights=random]' --matcher mutual-nn \\
      --matcher lightglue
  harness audit background 'folder[root=photos]' --protocol study --segmenter grabcut --backbone resnet50
  harness audit background 'wildlifereid10k[root=data]' --backbone resnet50 --loss arcface --set train.epochs=4 \\
      --matcher 'mutual-nn[features=sift[mask=keypoints]]' --out background.md
What is measured, and how to read it: docs/background.md. Interrupted, the same command goes on with what is trained,
embedded and described."""
)
@click.argument("dataset", metavar="PLUGIN")
@click.option("--protocol", type=click.Choice(["official", "study"]), default="official", show_default=True)
@click.option(
    "--set",
    "assignments",
    metavar="SECTION.SETTING=VALUE",
    multiple=True,
    help="A setting of protocol or training, such as protocol.resplit=true or train.epochs=3 (may be repeated).",
)
@click.option("--backbone", metavar="PLUGIN", required=True, help="The embedding's backbone.")
@click.option(
    "--loss", metavar="PLUGIN", default="none", show_default=True, help="Train it first with this loss; none: frozen."
)
@click.option("--matcher", "matchers", metavar="PLUGIN", multiple=True, help="A matcher to look at (may be repeated).")
@click.option(
    "--segmenter",
    metavar="PLUGIN",
    default="column",
    show_default=True,
    help="Where masks come from: the data set's column, or a segmenter such as grabcut.",
)
@click.option(
    "--queries", type=click.IntRange(min=1), default=100, show_default=True, help="Most known queries that are drawn."
)
@click.option(
    "--shortlist", type=click.IntRange(min=1), default=20, show_default=True, help="Candidates that a matcher gets."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draw and of the training."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    envvar="HARNESS_DEVICE",
    help="Where networks run.",
)
@click.option("--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write it as Markdown.")
@plugin_option
@store_option
@results_option
@json_option
def background(file: Path | None, results: str, as_json: bool, **chosen: Any) -> None:
    """Is a matcher, or an embedding, looking at the animal or at what is around it?

    Where matches lie, and what is answered with the animal hidden, or its background hidden, blurred or replaced. The
    result is kept in the results folder, and harness report shows it.
    """
    from harness.audit.kept import keep
    from harness.cli import background_view as view
    from harness.disk import explained

    if file and not file.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {file.parent}", param_hint="--out")
    try:
        found = _looked(chosen)
    except KeyboardInterrupt:
        console().print("Interrupted. What was trained, embedded and described is kept.")
        raise SystemExit(130) from None
    if file:
        with explained(file, "file", "--out"):
            file.write_text(view.markdown(found), encoding="utf-8")
    place = keep(Path(results), found)
    if as_json:
        print_json(found.as_json())
    else:
        view.show(out(), found)
    console().print(f"Kept in {place}, for harness report", markup=False, highlight=False, soft_wrap=True)


def _looked(chosen: dict[str, Any]) -> Background:
    from harness.data import load
    from harness.errors import CellFailed
    from harness.global_stages import GlobalStages
    from harness.keys import Keys
    from harness.local_stages import LocalStages
    from harness.looking import Looking, Wish
    from harness.progress import Bars
    from harness.runner import impossible_on
    from harness.weights import compute_device
    from harness.workbench import Workbench

    grid, registry = _grid(chosen)
    store, wish = open_store(chosen["store"]), Wish(chosen["queries"], chosen["shortlist"], chosen["seed"])
    with Bars(console()) as bars:
        data = load(grid.dataset, grid.protocol, store, bars)
        base, *cells = (replace(cell, skip=cell.skip or impossible_on(cell, data)) for cell in grid.cells)
        if base.skip:
            raise CellFailed(f"{base.title} cannot run: {base.skip}", "Name another --backbone or --loss.")
        bench, device = Workbench(store, bars, lambda **_: None), compute_device()
        keys = Keys(data, device)
        coarse, fine = GlobalStages(bench, data, keys, device), LocalStages(bench, data, keys)
        masks = _masks(bench, keys, registry, chosen["segmenter"])
        return Looking(coarse, fine, masks, chosen["segmenter"], wish).look(base, cells)


def _grid(chosen: dict[str, Any]) -> tuple[Grid, Registry]:
    """A grid of the embedding alone, and of it with each matcher."""
    from harness.cli.options import chosen_grid

    axes = {"matcher": ["none", *chosen["matchers"]], "fusion": "replace", "openset": "none"}
    grid, registry = chosen_grid({**chosen, "grid": None, **axes})
    if sum(cell.matcher is None for cell in grid.cells) > 1:
        raise click.UsageError("one embedding is looked at: give each --set train.SETTING one value")
    return grid, registry


def _masks(bench: Workbench, keys: Keys, registry: Registry, segmenter: str) -> Masks:
    """The data set's own masks, or guessed ones.

    Raises:
        DataError: no mask at all; CellFailed: a segmenter that cannot run here.
    """
    from harness.config import COLUMN
    from harness.errors import CellFailed, DataError
    from harness.masks import masks_of

    choice = None if segmenter == COLUMN else registry.resolve("segmenter", segmenter)
    reason = choice.unavailable() if choice else None
    if reason:
        raise CellFailed(f"segmenter {segmenter} cannot run: {reason}", "Name another --segmenter, such as grabcut.")
    if choice is None and not (keys.data.table.mask != "").any():
        raise DataError(f"{keys.data.dataset} has no masks", "Have them guessed: --segmenter grabcut.")
    return masks_of(keys.data.table, choice, bench, keys.segment)
