"""The background audit for people: R-1 by version of the queries, and where matches lie; also as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.audit.altered import VERSIONS
from harness.audit.background import Answer, Background, Looked
from harness.audit.on_animal import Share
from harness.metrics.intervals import Estimate
from harness.metrics.significance import ALPHA

NOTE = (
    "Per cent with 95 % intervals (bootstrap over individuals); below, the change to the originals in points, paired "
    "by query, with p (sign-flip test by individual, Holm's correction for the whole table); * p < 0.05."
)
PLACES = (
    "Mean over the queries with a match in such pairs (n). By area, by keypoints: the share if matches fell anywhere "
    "on the photographs, or on any of their keypoints; excess: the share less that by keypoints, in points."
)


@dataclass(frozen=True)
class _Rows:
    """A table: what it is called, how to read it, and its cells; a line break parts a value from its change."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def show(console: Console, found: Background) -> None:
    """Print an audit."""
    for line in _heading(found):
        console.print(escape(line), highlight=False, soft_wrap=True)
    for rows in _tables(found):
        table = Table(
            title=rows.title, caption=rows.note, title_justify="left", caption_justify="left", show_lines=True
        )
        for place, name in enumerate(rows.header):
            table.add_column(name, justify="right" if place else "left", overflow="fold")
        for cells in rows.rows:
            table.add_row(*map(escape, cells))
        console.print(table)
    for name, reason in found.skipped.items():
        console.print(f"[yellow]skipped[/] {escape(name)}: {escape(reason)}", highlight=False, soft_wrap=True)


def markdown(found: Background) -> str:
    """An audit as Markdown."""
    parts = ["# Background audit", "", *(f"{line}  " for line in _heading(found)), ""]
    for rows in _tables(found):
        lines = [rows.header, ("---", *["---:"] * (len(rows.header) - 1)), *rows.rows]
        parts += [f"## {rows.title}", "", *(_line(cells) for cells in lines), "", rows.note, ""]
    parts += [f"- skipped {name}: {' '.join(reason.split())}" for name, reason in found.skipped.items()]
    return "\n".join(parts).rstrip() + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"


def _heading(found: Background) -> list[str]:
    """On what, with which masks, and how far the candidates reach."""
    k, seen = found.settings["shortlist"], found.settings["queries"]
    left_out = f", {found.left_out} passed over (a mask without animal or background)" if found.left_out else ""
    return [
        f"{found.protocol} on {found.dataset}, protocol {found.protocol_hash[:12]}, seed {found.settings['seed']}",
        f"{seen} known queries{left_out}; masks {found.masks}",
        f"matchers: the {k} best of {found.embedding.name} for the original query, R-{k} {_percent(found.within)}",
    ]


def _tables(found: Background) -> list[_Rows]:
    marked = "" if found.masks == "exact" else f" (masks {found.masks})"
    rows = [_answers(found.embedding.name, found.embedding, found.embedding.answers)]
    for looked in found.matchers:
        rows.append(_answers(f"{looked.name}, ties at random", looked, looked.alone))
        rows.append(_answers(f"{looked.name}, ties by embedding", looked, looked.answers))
    tables = [_Rows(f"R-1 by version of the query{marked}", NOTE, ("", *VERSIONS, "chance"), rows)]
    if found.matchers:
        header = ("", "pairs", "ends", "on the animal", "by area", "by keypoints", "excess", "n", "pairs matched")
        shares = [_share(looked.name, share) for looked in found.matchers for share in looked.shares]
        tables.append(_Rows(f"Matched keypoints on the animal{marked}", PLACES, header, shares))
    return tables


def _answers(name: str, looked: Looked, answers: tuple[Answer, ...]) -> tuple[str, ...]:
    return (name, *(_answer(answer) for answer in answers), _percent(looked.chance))


def _answer(answer: Answer) -> str:
    if answer.change is None or answer.p is None:
        return _percent(answer.r1)
    return f"{_percent(answer.r1)}\n{_points(answer.change)}, p {answer.p:.2g}{' *' if answer.p < ALPHA else ''}"


def _share(name: str, share: Share) -> tuple[str, ...]:
    values = (share.share, share.by_area, share.by_keypoints)
    counts = (str(share.share.n), f"{share.n_matched} of {share.n_pairs}")
    return (name, share.pairs, share.ends, *map(_percent, values), _points(share.excess), *counts)


def _percent(found: Estimate) -> str:
    return _shown(found, "{:.1f}", "-")


def _points(found: Estimate) -> str:
    return _shown(found, "{:+.1f}", " to ")


def _shown(found: Estimate, form: str, to: str) -> str:
    """A value with its interval, in per cent or points; a dash for nothing."""
    if found.value is None:
        return "-"
    value = form.format(100 * found.value)
    if found.low is None or found.high is None:
        return value
    return f"{value} ({form.format(100 * found.low)}{to}{form.format(100 * found.high)})"
