"""How plugins, and what the conformance kit found of one, look in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from harness.cli.plugin_facts import Facts, figure_text, kit_text

WIDE = 100
"""Columns from which on a terminal has room to spare."""
KIT_STYLES = {"passes": "green", "in part": "yellow", "not run": "dim"}


def listing(rows: Sequence[Facts], width: int) -> Table:
    """All plugins that could be read, a line each; where each comes from is told of foreign ones alone, and a long
    licence is cut (harness plugins show NAME has it whole), so that a terminal of 80 columns does."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1) if width < WIDE else (0, 2), pad_edge=False)
    for column in ("kind", "name", "version", "kit", "R-1"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    table.add_column("licence", no_wrap=True, overflow="ellipsis", max_width=10 if width < WIDE else 22)
    table.add_column("status", overflow="fold")
    for row in rows:
        if row["kind"]:
            table.add_row(*_line(row))
    return table


def broken(rows: Sequence[Facts]) -> Iterator[Text]:
    """A line for each plugin that could not be read, which no table cuts."""
    for row in rows:
        if not row["kind"]:
            yield Text(f"{row['name']} ({row['source']}) is {row['status']}", "red")


def _line(row: Facts) -> Iterator[Text]:
    for column in ("kind", "name", "version"):
        yield Text(row[column])
    kit = kit_text(row["kit"])
    yield Text(kit, KIT_STYLES.get(kit, "red"))
    best = row["figures"][0]["r1"] if row["figures"] else None
    yield Text(f"{100 * best['value']:.1f}" if best else "")
    yield Text(row["licence"])
    foreign = "" if row["source"].startswith("in-tree") else f", {row['source']}"
    yield Text(f"{row['status']}{foreign}", "" if row["status"] == "ok" else "red")


def detail(row: Facts) -> Iterator[Table]:
    """One plugin: facts, settings, reference figures."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(2):
        table.add_column(overflow="fold")
    told = {name: row[name] for name in ("kind", "name", "version", "summary", "licence", "citation", "source")}
    told |= {"requires": ", ".join(row["requires"]), "status": row["status"], "kit": _kit(row["kit"])}
    for name, text in told.items():
        table.add_row(Text(name, "bold"), Text(text or "-"))
    yield table
    if row["settings"]:
        yield _settings(row["settings"])
    if row["figures"]:
        yield _figures(row["figures"])


def _kit(kit: Facts | None) -> str:
    counts = f" ({kit['passed']} passed, {kit['skipped']} skipped, harness {kit['harness']})" if kit else ""
    return f"{kit_text(kit)}{counts}"


def _settings(settings: Sequence[Facts]) -> Table:
    table = _table("setting", "type", "default", "meaning")
    for each in settings:
        default = "must be given" if each["default"] is None else each["default"] or "(empty)"
        table.add_row(*map(Text, (each["name"], each["type"], default, each["description"])))
    return table


def _figures(figures: Sequence[Facts]) -> Table:
    table = _table("data set", "protocol", "best R-1", "queries", "recipe")
    for each in figures:
        protocol = f"{each['protocol']} ({each['protocol_hash']})"
        cells = each["dataset"], protocol, figure_text(each), str(each["r1"]["n"]), each["recipe"]
        table.add_row(*map(Text, cells))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
