"""``harness cache``: what the store holds, why a key differs, and clearing up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.common import console, json_option, open_store, out, print_json, store_option

if TYPE_CHECKING:
    from harness.store import Store


@click.group()
def cache() -> None:
    """The store of computed stages."""


@cache.command(
    "ls",
    epilog="""\b
Examples:
  harness cache ls
  harness cache ls --store /data/store --json""",
)
@store_option
@json_option
def ls(store: str | None, as_json: bool) -> None:
    """List values and collections: stage, key, bytes, age."""
    from rich.table import Table

    from harness.housekeeping import entries

    opened = open_store(store)
    rows = entries(opened)
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    table = Table()
    for column in ("stage", "key", "MB", "days"):
        table.add_column(column, justify="right" if column in ("MB", "days") else "left")
    for row in rows:
        table.add_row(row.stage, row.digest[:16], f"{row.bytes / 1e6:.1f}", f"{row.age_days:.1f}")
    out().print(table)
    out().print(
        f"{len(rows)} entries, {sum(row.bytes for row in rows) / 1e6:.1f} MB in {opened.root}{_mirror(opened)}",
        highlight=False,
        soft_wrap=True,
    )


@cache.command(
    "why",
    epilog="""\b
Example:
  harness cache why 3fa1 90bc       what differs between two keys (heads of their digests suffice)""",
)
@click.argument("first")
@click.argument("second")
@store_option
@json_option
def why(first: str, second: str, store: str | None, as_json: bool) -> None:
    """Say why two keys differ: which part of the one is not in the other."""
    from harness.housekeeping import difference

    rows = difference(open_store(store), first, second)
    if as_json:
        print_json([{"part": part, "first": a, "second": b} for part, a, b in rows])
        return
    for part, a, b in rows:
        out().print(f"{part}: {a}  ->  {b}", markup=False, highlight=False)
    if not rows:
        out().print("The two keys are the same.")


@cache.command(
    "gc",
    epilog="""\b
Examples:
  harness cache gc                     leftovers of killed runs and damaged values
  harness cache gc --older-than 30     also everything not used for 30 days
  harness cache gc --all --yes         everything""",
)
@click.option(
    "--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Also values not written or read for so long."
)
@click.option("--all", "everything", is_flag=True, help="Empty the store.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@store_option
def gc(older_than: float | None, everything: bool, yes: bool, dry_run: bool, store: str | None) -> None:
    """Free space. Nothing that a running process still writes is touched; what it only reads goes by its age,
    so give a day or more while others run."""
    from harness.housekeeping import collect_garbage

    if everything and not (yes or dry_run):
        click.confirm("Remove every computed stage?", abort=True)
    days = 0.0 if everything else older_than
    opened = open_store(store)
    freed, count = collect_garbage(opened, days, dry_run)
    console().print(f"{'would free' if dry_run else 'freed'} {freed / 1e6:.1f} MB in {count} entries", highlight=False)
    if opened.url:
        told = (
            f"That is the mirror {opened.root}; {opened.url} is not cleared: a lifecycle rule of the bucket does that."
        )
        console().print(told, highlight=False, soft_wrap=True)


def _mirror(store: Store) -> str:
    return f", the mirror of {store.url}" if store.url else ""
