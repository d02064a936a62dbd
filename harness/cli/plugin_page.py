"""The page of all in-tree plugins, ``docs/plugins.md``: made from what they declare and from ``maturity.json``."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.plugin_facts import Facts, facts, figure_text, kit_text, settings

if TYPE_CHECKING:
    from harness.choice import Entry
    from harness.registry import Registry

TITLES = {
    "dataset": "Data sets",
    "backbone": "Backbones",
    "loss": "Losses",
    "segmenter": "Segmenters",
    "features": "Local features",
    "matcher": "Matchers",
    "fusion": "Fusions",
    "openset": "Open-set rules",
}

HEADER = """<!-- Written by `harness plugins page --out docs/plugins.md`; do not edit. -->

# All plugins

What ships with the harness. *Kit*: whether the plugin passes the conformance kit (`harness plugins check NAME`) in the
version named; *in part*: weights were not at hand, and its declaration alone was tested. *R-1*: its best row in the
project's own results, in percent with its 95 % interval; figures under different protocols cannot be compared, and a
figure belongs to the whole recipe, not to the plugin alone.
"""


def in_tree(registry: Registry) -> list[Entry]:
    """The project's own plugins, by kind and name."""
    from harness.specs import KINDS

    entries = [entry for kind in KINDS for entry in registry.entries(kind)]
    return [entry for entry in entries if entry.source.startswith("in-tree")]


def in_tree_facts(registry: Registry) -> list[Facts]:
    """What the page tells of each in-tree plugin. What the kit found on this machine is no part of it."""
    return [{**facts(e, None), "settings": list(settings(e.spec.config))} for e in in_tree(registry)]


def renew_figures(registry: Registry, results: Path) -> None:
    """Put the figures of a results folder into the file that ships; plugins that are gone leave it.

    Raises:
        DataError: a row of the results is no record, or the file is damaged. StoreError: it cannot be written.
    """
    from harness import maturity
    from harness.results import Results

    versions = {f"{e.spec.kind}/{e.spec.name}": e.spec.version for e in in_tree(registry)}
    found, known = maturity.figures(Results(results).read(), versions), maturity.shipped()
    kits = {name: known[name].kit if name in known else None for name in versions}
    maturity.save({name: maturity.Standing(kit=kits[name], figures=found.get(name, ())) for name in versions})


def page_text(rows: Sequence[Facts]) -> str:
    """The page in Markdown."""
    parts = [HEADER]
    for kind, title in TITLES.items():
        own = [row for row in rows if row["kind"] == kind]
        parts += [f"## {title}\n", _overview(own), *(_section(row) for row in own)]
    return "\n".join(parts)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; the cells are escaped already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def escaped(text: str) -> str:
    """Text as it stands, whatever Markdown or HTML would make of its letters; on one line."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#~])", r"\\\1", plain)


def _overview(rows: Sequence[Facts]) -> str:
    def line(row: Facts) -> list[str]:
        best = row["figures"][0] if row["figures"] else None
        figure = f"{figure_text(best)} ({escaped(best['dataset'])})" if best else ""
        return [escaped(row["name"]), escaped(row["summary"]), _kit(row), figure, escaped(row["licence"])]

    return table(("name", "what it is", "kit", "best R-1", "licence"), map(line, rows))


def _kit(row: Facts) -> str:
    return f"{kit_text(row['kit'])} ({escaped(row['version'])})" if row["kit"] else kit_text(None)


def _section(row: Facts) -> str:
    """One plugin: what it needs, its settings, its figures."""
    return "\n".join([f"### {escaped(row['name'])} ({row['kind']})\n", *_facts(row), *_settings(row), *_figures(row)])


def _facts(row: Facts) -> Iterator[str]:
    yield f"{escaped(row['summary'])}.\n"
    told = {"Version": row["version"], "Licence": row["licence"], "Source": row["citation"]}
    told["Needs"] = ", ".join(text.partition("=")[2] or text for text in row["requires"])
    yield "".join(f"- {title}: {escaped(text)}\n" for title, text in told.items() if text)


def _settings(row: Facts) -> Iterator[str]:
    def line(setting: Facts) -> list[str]:
        default = "must be given" if setting["default"] is None else escaped(setting["default"]) or "(empty)"
        return [escaped(setting["name"]), escaped(setting["type"]), default, escaped(setting["description"])]

    if row["settings"]:
        yield table(("setting", "type", "default", "meaning"), map(line, row["settings"]))


def _figures(row: Facts) -> Iterator[str]:
    def line(figure: Facts) -> list[str]:
        protocol = f"{escaped(figure['protocol'])} ({figure['protocol_hash']})"
        return [escaped(figure["dataset"]), protocol, figure_text(figure), str(figure["r1"]["n"])]

    if row["figures"]:
        yield table(("data set", "protocol", "best R-1", "queries"), map(line, row["figures"]))
