"""The audit for people: a line a finding, leaked queries by data set, and the first pairs."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape as plain
from rich.table import Table

from harness.audit.report import Audit, Pair

CULPRITS, PAIRS = 3, 10
"""How many of a finding's culprits, and of a kind's pairs, are printed; ``--json`` has more."""


def show(console: Console, audit: Audit) -> None:
    """Print an audit."""
    console.print(f"{audit.protocol} on {plain(audit.dataset)}, protocol {audit.protocol_hash[:12]}", highlight=False)
    console.print(_leaked(audit))
    for kind, reason in audit.unchecked.items():
        console.print(f"[yellow]unchecked[/] {kind}: {plain(reason)}", highlight=False, soft_wrap=True)
    for finding in audit.findings:
        colour = "yellow" if finding.n else "green"
        console.print(f"[{colour}]{finding.n:>6}[/] {plain(finding.text)}", highlight=False, soft_wrap=True)
        for culprit in finding.examples[:CULPRITS]:
            console.print(f"         {plain(culprit)}", highlight=False, soft_wrap=True)
    pairs = [pair for listing in audit.pairs.values() for pair in listing.pairs[:PAIRS]]
    if pairs:
        console.print(_pairs(audit, pairs))


def _leaked(audit: Audit) -> Table:
    table = Table(title="Queries with a leak, by kind", title_justify="left")
    kinds = list(audit.leaked["all"])
    for name in ("data set", *kinds):
        table.add_column(name, justify="left" if name == "data set" else "right")
    for name, row in audit.leaked.items():
        table.add_row(plain(name), *("-" if kind in audit.unchecked else str(row[kind]) for kind in kinds))
    return table


def _pairs(audit: Audit, pairs: list[Pair]) -> Table:
    totals = ", ".join(f"{kind} {listing.n}" for kind, listing in audit.pairs.items() if listing.n)
    table = Table(title=f"Pairs, each under its strongest kind ({totals}); the first of each", title_justify="left")
    for name in ("kind", "query", "gallery", "distance"):
        table.add_column(name, justify="right" if name == "distance" else "left", overflow="fold")
    for pair in pairs:
        query, gallery = plain(pair.query), plain(pair.gallery)
        if pair.query_identity != pair.gallery_identity:
            gallery += f" [red]{plain(pair.gallery_identity)}, not {plain(pair.query_identity)}[/]"
        table.add_row(pair.kind, query, gallery, f"{pair.distance:.4g}")
    return table
