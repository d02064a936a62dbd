"""``harness data``: fetch or draw a data set, look at what a protocol makes of it and at its masks, and audit it."""

from __future__ import annotations

from collections.abc import Callable
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
    store_option,
)

if TYPE_CHECKING:
    from harness.audit.leaks import LeakPair, Leaks
    from harness.audit.photographs import Photograph
    from harness.choice import Choice
    from harness.masks import Masks
    from harness.protocol import Data, Protocol
    from harness.registry import Registry
    from harness.workbench import Workbench

F = TypeVar("F", bound=Callable[..., Any])
FEW_PAIRS = 20_000
"""Photographs are compared unasked up to so many pairs: some minutes."""


def protocol_options(command: F) -> F:
    """A data set under a protocol, with plugins, store and ``--json``."""
    text = "As in harness run."
    options = [
        click.argument("dataset", metavar="PLUGIN"),
        click.option("--protocol", type=click.Choice(["official", "study"]), default="official", show_default=True),
        click.option("--resplit", is_flag=True, help="Allow a random split although the data set ships one."),
        click.option("--set", "assignments", metavar="protocol.SETTING=VALUE", multiple=True, help=text),
    ]
    command = json_option(store_option(plugin_option(command)))
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def data() -> None:
    """Data sets: download, draw, count, audit."""


@data.command(
    epilog="""\b
Examples:
  harness data prepare synthetic-herd
  harness data prepare 'wildlife-datasets[name=ATRW]'"""
)
@click.argument("dataset", metavar="PLUGIN")
@plugin_option
@store_option
def prepare(dataset: str, plugin_files: tuple[str, ...], store: str | None) -> None:
    """Download or draw the files of a data set into the store (a data set with its own root stays there)."""
    from harness.data import folder
    from harness.data import prepare as prepare_files

    choice, place = open_registry(plugin_files).resolve("dataset", dataset), open_store(store)
    prepare_files(choice, place)
    where = getattr(choice.config, "root", "") or folder(choice, place)
    console().print(f"{choice.label} is ready in {where}", markup=False, highlight=False, soft_wrap=True)


@data.command(
    epilog="""\b
Examples:
  harness data show synthetic-herd
  harness data show 'folder[root=photos]' --protocol study --json"""
)
@protocol_options
def show(as_json: bool, **chosen: Any) -> None:
    """Count images and individuals by role under a protocol; every image is checked on the way."""
    from harness.data import load
    from harness.progress import Bars

    choice, protocol, _ = _chosen(chosen)
    with Bars(console()) as bars:
        loaded = load(choice, protocol, open_store(chosen["store"]), bars)
    counts = {"protocol": loaded.protocol.title, "protocol_hash": loaded.protocol_hash, **loaded.counts()}
    if as_json:
        print_json(counts)
        return
    for name, value in counts.items():
        out().print(f"{name:>28}  {value}", highlight=False)


@data.command(
    epilog="""\b
Examples:
  harness data audit synthetic-herd
  harness data audit 'folder[root=photos]' --protocol study --json
  harness data audit 'wildlifereid10k[root=data]' --photographs --embed 'timm[model=resnet18]'"""
)
@protocol_options
@click.option(
    "--photographs/--no-photographs",
    default=None,
    help=f"Look for crops of one photograph, pair by pair [default: up to {FEW_PAIRS:,} pairs].",
)
@click.option(
    "--near-bits", type=click.IntRange(0, 16), metavar="N", help="Most differing bits of near-duplicates, of 64."
)
@click.option("--embed", metavar="BACKBONE", help="Also list the closest pairs in the embedding of this backbone.")
def audit(as_json: bool, photographs: bool | None, near_bits: int | None, embed: str | None, **chosen: Any) -> None:
    """Look for leaks from gallery to query (copies, near-duplicates, encounters) and for identities that look wrong."""
    from harness.audit import report
    from harness.cli.audit_view import show as show_audit
    from harness.data import load
    from harness.progress import Bars
    from harness.workbench import Workbench

    choice, protocol, registry = _chosen(chosen)
    store = open_store(chosen["store"])
    with Bars(console()) as bars:
        loaded = load(choice, protocol, store, bars)
        bench = Workbench(store, bars, lambda **_: None)
        leaks = report.leaks_of(loaded, near_bits, _compared(loaded, bench, photographs))
        near = _neighbours(loaded, bench, registry, embed, leaks) if embed else None
    found = report.audit(loaded, leaks, near)
    if as_json:
        print_json(found.as_json())
    else:
        show_audit(out(), found)


@data.command(
    epilog="""\b
Examples:
  harness data segment synthetic-herd --segmenter grabcut
  harness data segment 'folder[root=photos]' --protocol study --segmenter 'grabcut[margin=0.1]' --out masks.png"""
)
@protocol_options
@click.option(
    "--segmenter", default="grabcut", show_default=True, help="Who guesses; column: the data set's own masks."
)
@click.option("--images", type=click.IntRange(1), default=24, show_default=True, help="How many photographs.")
@click.option("--out", "sheet", type=click.Path(dir_okay=False), help="Write a sheet that shows the masks (.png).")
def segment(as_json: bool, segmenter: str, images: int, sheet: str | None, **chosen: Any) -> None:
    """Mask some photographs from all over a data set, to look at the masks before features are kept to them."""
    from harness.cli.masks_view import agreement, write_sheet
    from harness.data import load
    from harness.progress import Bars
    from harness.workbench import Workbench

    choice, protocol, registry = _chosen(chosen)
    guesses = None if segmenter == "column" else registry.resolve("segmenter", segmenter)
    store = open_store(chosen["store"])
    with Bars(console()) as bars:
        loaded = load(choice, protocol, store, bars)
        masks = _masks(loaded, guesses, images, Workbench(store, bars, lambda **_: None))
        told = agreement(masks)
        if sheet:
            write_sheet(masks, sheet)
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        out().print(f"{name:>32}  {value}", highlight=False)


def _masks(loaded: Data, segmenter: Choice | None, images: int, bench: Workbench) -> Masks:
    """Of so many photographs, evenly spread over the table."""
    import numpy as np

    from harness.errors import CellFailed
    from harness.keys import Keys
    from harness.masks import masks_of
    from harness.weights import compute_device

    reason = segmenter.unavailable() if segmenter else None
    if segmenter and reason:
        raise CellFailed(f"{segmenter.label} cannot run: {reason}", "Name another --segmenter.")
    rows = np.unique(np.linspace(0, len(loaded.table) - 1, images).round().astype(int))
    return masks_of(loaded.table.select(rows), segmenter, bench, Keys(loaded, compute_device()).segment)


def _chosen(chosen: dict[str, Any]) -> tuple[Choice, Protocol, Registry]:
    """The data set, the protocol and the plugins that the options mean."""
    from harness.grid import override
    from harness.protocol import Protocol
    from harness.settings import validated

    raw = {"protocol": {"name": chosen["protocol"], "resplit": chosen["resplit"]}}
    protocol = validated(Protocol, override(raw, chosen["assignments"])["protocol"], "[protocol]")
    registry = open_registry(chosen["plugin_files"])
    return registry.resolve("dataset", chosen["dataset"]), protocol, registry


def _compared(loaded: Data, bench: Workbench, wanted: bool | None) -> dict[tuple[int, int], Photograph] | None:
    """Compared photographs, or None where nobody wants them; too many to be compared unasked are told."""
    from harness.audit.compared import compared
    from harness.audit.photographs import candidates
    from harness.audit.report import split

    tables = split(loaded)
    scopes = [loaded.scope(table) for table in tables]
    pairs = len(candidates(*tables, *scopes)) if wanted is None else 0
    if pairs > FEW_PAIRS:
        console().print(f"{pairs:,} pairs of photographs are not compared unless you ask: --photographs")
    return compared(bench, *tables, *scopes) if wanted or (wanted is None and pairs <= FEW_PAIRS) else None


def _neighbours(loaded: Data, bench: Workbench, registry: Registry, embed: str, leaks: Leaks) -> tuple[LeakPair, ...]:
    """Pairs that a frozen backbone holds for alike and that no other kind of leak has."""
    from harness.audit.neighbours import neighbours
    from harness.audit.report import split
    from harness.errors import CellFailed
    from harness.global_stages import GlobalStages
    from harness.grid import expand
    from harness.keys import Keys
    from harness.weights import compute_device

    (cell,) = expand({"axes": {"backbone": embed}}, registry).cells
    if cell.skip:
        raise CellFailed(f"{embed} cannot run: {cell.skip}", "Name another backbone, or leave out --embed.")
    device = compute_device()
    stages = GlobalStages(bench, loaded, Keys(loaded, device), device)
    query, gallery = split(loaded)
    asked, known = stages.embeddings(cell, query), stages.embeddings(cell, gallery)
    return neighbours(asked, known, loaded.scope(query), loaded.scope(gallery), leaks.pairs)
