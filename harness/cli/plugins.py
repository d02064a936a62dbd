"""``harness plugins``: what is installed, where it comes from, and what is broken."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.common import json_option, open_registry, out, plugin_option, print_json


@click.group()
def plugins() -> None:
    """The plugins that the harness knows."""


@plugins.command(
    "list",
    epilog="""\b
Examples:
  harness plugins list
  harness plugins list --kind matcher --json
  harness plugins list --plugin ./my_matcher.py""",
)
@click.option("--kind", help="Only this kind, such as matcher.")
@plugin_option
@json_option
def list_(kind: str | None, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List all plugins: kind, name, version, source, status, licence. Imports no torch."""
    from harness.specs import KINDS

    if kind is not None and kind not in KINDS:
        raise click.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    rows = _rows(plugin_files, kind)
    if as_json:
        print_json(rows)
        return
    _show(rows)


def _rows(plugin_files: tuple[str, ...], kind: str | None) -> list[dict[str, Any]]:
    from harness.specs import KINDS

    registry, rows = open_registry(plugin_files), []
    for each in KINDS if kind is None else (kind,):
        entries = registry.entries(each)
        names = [entry.spec.name for entry in entries]
        for entry in entries:
            clash = "clash: another plugin has this name" if names.count(entry.spec.name) > 1 else ""
            rows.append(
                {
                    "kind": each,
                    "name": entry.spec.name,
                    "version": entry.spec.version,
                    "source": entry.source,
                    "status": clash or (f"missing: {entry.missing}" if entry.missing else "ok"),
                    "licence": entry.spec.licence,
                    "summary": entry.spec.summary,
                    "settings": list(entry.spec.config.model_fields),
                }
            )
    empty: dict[str, Any] = {"kind": "", "version": "", "licence": "", "summary": "", "settings": []}
    broken = registry.broken if kind is None else []
    named = [{**empty, "name": b.name, "source": b.source, "status": f"broken: {b.error}"} for b in broken]
    return [*rows, *named]


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    columns = ("kind", "name", "version", "source", "status", "licence", "summary")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("kind", "name", "version"))
    for row in rows:
        table.add_row(*(Text(str(row[column])) for column in columns))
    out().print(table)
