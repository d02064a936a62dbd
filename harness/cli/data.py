"""``harness data``: fetch or draw a data set, and look at what a protocol makes of it."""

from __future__ import annotations

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


@click.group()
def data() -> None:
    """Data sets: download, draw, count."""


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
@click.argument("dataset", metavar="PLUGIN")
@click.option("--protocol", type=click.Choice(["official", "study"]), default="official", show_default=True)
@click.option("--resplit", is_flag=True, help="Allow a random split although the data set ships one.")
@click.option("--set", "assignments", metavar="protocol.SETTING=VALUE", multiple=True, help="As in harness run.")
@plugin_option
@store_option
@json_option
def show(
    dataset: str,
    protocol: str,
    resplit: bool,
    assignments: tuple[str, ...],
    plugin_files: tuple[str, ...],
    store: str | None,
    as_json: bool,
) -> None:
    """Count images and individuals by role under a protocol; every image is checked on the way."""
    from harness.data import load
    from harness.grid import override
    from harness.progress import Bars
    from harness.protocol import Protocol
    from harness.registry import validated

    fields = override({"protocol": {"name": protocol, "resplit": resplit}}, assignments)["protocol"]
    named = validated(Protocol, fields, "[protocol]")
    choice = open_registry(plugin_files).resolve("dataset", dataset)
    with Bars(console()) as bars:
        loaded = load(choice, named, open_store(store), bars)
    counts = {"protocol": loaded.protocol.title, "protocol_hash": loaded.protocol_hash, **loaded.counts()}
    if as_json:
        print_json(counts)
        return
    for name, value in counts.items():
        out().print(f"{name:>28}  {value}", highlight=False)
