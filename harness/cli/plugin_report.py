"""What the conformance kit found: as plain values, in a terminal, and in Markdown for a pull request."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from harness.cli.plugin_facts import Facts
from harness.cli.plugin_page import escaped, table
from harness.maturity import HEAD

if TYPE_CHECKING:
    from rich.console import Console

    from harness.maturity import Kit
    from harness.testing.kit import Report

STYLES = {"passed": "green", "failed": "bold red", "skipped": "dim", "xfailed": "yellow"}


def facts(report: Report, licence: str, counts: Kit) -> Facts:
    """A report as plain values, with the versions that it was made on."""
    return {
        "kind": report.kind,
        "name": report.name,
        "version": report.version,
        "code": report.code[:HEAD],
        "licence": licence,
        "ok": report.passed,
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "versions": {"harness": counts.harness, "torch": _version("torch"), "python": platform.python_version()},
        "outcomes": [asdict(outcome) for outcome in report.outcomes],
    }


def _version(package: str) -> str:
    """As installed, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _totals(row: Facts) -> str:
    seconds = sum(outcome["seconds"] for outcome in row["outcomes"])
    counts = ", ".join(f"{row[word]} {word}" for word in ("passed", "failed", "skipped") if row[word])
    return f"{counts or 'no tests'} in {seconds:.1f} s"


def _versions(row: Facts) -> str:
    return ", ".join(f"{name} {number}" for name, number in row["versions"].items())


def show(row: Facts, out: Console) -> None:
    """One plugin in a terminal: every test with its outcome, then the totals."""
    tests = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("test", "outcome", "message"):
        tests.add_column(column, overflow="fold")
    for outcome in row["outcomes"]:
        cells = _words(outcome["test"]), Text(outcome["status"], STYLES[outcome["status"]]), outcome["message"]
        tests.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    out.print(Text(f"{row['kind']} {row['name']}, version {row['version']}, code {row['code']}, {row['licence']}"))
    out.print(tests)
    verdict = Text("passes", "bold green") if row["ok"] else Text("fails", "bold red")
    out.print(verdict + Text(f": {_totals(row)} ({_versions(row)})"))


def overview(rows: Sequence[Facts]) -> Table:
    """Many plugins in a terminal: a line each, and below it the tests that failed."""
    plugins = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("kind", "name", "version", "code", "kit", "failed tests"):
        plugins.add_column(column, overflow="fold")
    for row in rows:
        failed = "\n".join(_words(o["test"]) for o in row["outcomes"] if o["status"] == "failed")
        kit = Text(_totals(row), "green" if row["ok"] else "bold red")
        plugins.add_row(row["kind"], row["name"], row["version"], row["code"], kit, Text(failed))
    return plugins


def markdown(row: Facts) -> str:
    """One plugin in Markdown: a table of facts, a table of tests."""
    head = [[escaped(row["name"]), row["kind"], escaped(row["version"]), f"`{row['code']}`", escaped(row["licence"])]]
    tests = [[_words(o["test"]), _marked(o["status"]), escaped(o["message"])] for o in row["outcomes"]]
    verdict = "passes" if row["ok"] else "**fails**"
    return "\n".join(
        [
            f"### Conformance kit: {escaped(row['name'])} {verdict}\n",
            table(("plugin", "kind", "version", "code", "licence"), head),
            table(("test", "outcome", "message"), tests),
            f"{_totals(row)} ({_versions(row)})\n",
        ]
    )


def _words(test: str) -> str:
    """A test's name as the sentence that it is."""
    return test.removeprefix("test_").replace("_", " ")


def _marked(status: str) -> str:
    return f"**{status}**" if status == "failed" else status
