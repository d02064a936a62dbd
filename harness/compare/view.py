"""A comparison for people and for machines: terminal, JSON, Markdown for a pull request, JUnit XML for other CIs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

from harness.compare.verdict import Change, Comparison, Judged, Verdict
from harness.leaderboard.markdown import escaped, titled

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("R-1", "AUROC")
"""Metrics of a table; JSON has all of them."""
MOST = 60
"""Most cells of a table in a pull request; the worst come first."""
IDS = 10
"""Most queries that are named."""
COLOURS = {
    Verdict.OK: "green",
    Verdict.IMPROVED: "cyan",
    Verdict.NOT_COMPARABLE: "yellow",
    Verdict.MISSING: "yellow",
    Verdict.REGRESSED: "red",
    Verdict.ERROR: "red",
}


def plain(found: Comparison) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "verdict": found.verdict.value,
        "exit_code": found.verdict.exit_code,
        "baseline": found.baseline,
        "exact": found.exact,
        "cells": [_plain(judged) for judged in found.judged],
        "extra": [cell.title for cell in found.extra],
    }


def _plain(judged: Judged) -> dict[str, Any]:
    cell = judged.cell
    return {
        "cell": cell.cell,
        "protocol_hash": cell.protocol_hash,
        **cell.labels,
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "outcomes": [{**vars(change), "delta": change.delta} for change in judged.changes],
        "metrics": {name: {"old": old, "new": new} for name, (old, new) in judged.numbers.items()},
    }


def ordered(found: Comparison) -> list[Judged]:
    """The worst verdict first, else as in the baseline."""
    places = list(Verdict)
    return sorted(found.judged, key=lambda judged: places.index(judged.verdict))


def terminal(found: Comparison, everything: bool) -> Table | None:
    """The cells that are not ok (or all of them) for a terminal; None where there are none."""
    from rich.table import Table
    from rich.text import Text

    rows = [judged for judged in ordered(found) if everything or judged.verdict is not Verdict.OK]
    if not rows:
        return None
    table = Table()
    for name in ("verdict", "cell", *SHOWN, "why"):
        table.add_column(name, overflow="fold")
    for judged in rows:
        verdict = Text(judged.verdict.value, style=COLOURS[judged.verdict])
        table.add_row(verdict, Text(judged.cell.title), *map(Text, _metrics(judged)), Text(_why(judged)))
    return table


def markdown(found: Comparison) -> str:
    """Old, new and delta of every cell, worst first: the comment on a pull request."""
    rows = ordered(found)
    header = ["verdict", "cell", *(f"{name} {side}" for name in SHOWN for side in ("old", "new", "delta")), "why"]
    lines = [[j.verdict.value, j.cell.title, *_columns(j), _why(j)] for j in rows[:MOST]]
    parts = [f"## Gate: {found.verdict.value}", "", f"{escaped(found.summary)}.", ""]
    parts += titled("Cells", header, lines, left=2)
    more = [f"{len(rows) - MOST} more cells: {rows[MOST].verdict.value} or better."] if len(rows) > MOST else []
    extra = [f"Not in the baseline: {escaped(cell.title)}" for cell in found.extra[:IDS]]
    return "\n".join([*parts, *more, *(f"- {text}" for text in extra)]).rstrip() + "\n"


def junit(found: Comparison) -> bytes:
    """A test case a cell; whatever is not ok is a failure, and a cell that failed is an error."""
    bad = [judged for judged in found.judged if judged.verdict is not Verdict.OK]
    errors = sum(judged.verdict is Verdict.ERROR for judged in bad)
    counts = {"tests": len(found.judged), "failures": len(bad) - errors, "errors": errors, "skipped": 0}
    suite = Xml.Element("testsuite", {"name": "harness compare", **{name: str(n) for name, n in counts.items()}})
    for judged in found.judged:
        place = f"harness.{judged.cell.protocol}.{judged.cell.protocol_hash[:12]}"
        case = Xml.SubElement(suite, "testcase", {"classname": place, "name": _legal(judged.cell.title), "time": "0"})
        if judged.verdict is not Verdict.OK:
            kind = "error" if judged.verdict is Verdict.ERROR else "failure"
            Xml.SubElement(case, kind, {"type": judged.verdict.value, "message": _legal(_why(judged))})
    suites = Xml.Element("testsuites")
    suites.append(suite)
    content: bytes = Xml.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content


def _legal(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "?" for c in text
    )


def _metrics(judged: Judged) -> Iterator[str]:
    for name in SHOWN:
        old, new = judged.numbers.get(name, (None, None))
        yield _points(old) if old == new else f"{_points(old)} -> {_points(new)}"


def _columns(judged: Judged) -> Iterator[str]:
    for name in SHOWN:
        old, new = judged.numbers.get(name, (None, None))
        yield from (_points(old), _points(new), "-" if old is None or new is None else f"{100 * (new - old):+.1f}")


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _why(judged: Judged) -> str:
    """The reason, where it is not ok with the first queries that were lost or gained."""
    changes = judged.changes if judged.verdict is not Verdict.OK else ()
    return "; ".join(text for text in (judged.reason, *map(_named, changes)) if text)


def _named(change: Change) -> str:
    told = (("worse", change.lost), ("better", change.gained))
    return "; ".join(f"{change.outcome} {word}: {_ids(ids)}" for word, ids in told if ids)


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(ids[:IDS]) + (f", and {len(ids) - IDS} more" if len(ids) > IDS else "")
