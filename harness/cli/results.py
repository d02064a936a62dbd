"""``harness results``: guarding the results folder."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from harness.cli.common import console, json_option, out, print_json, results_option
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.guard import Finding


@click.group()
def results() -> None:
    """The results folder: whether it is whole, and why its numbers moved."""


@results.command(
    "check",
    epilog="""\b
Examples:
  harness results check                       the folder by itself
  harness results check --against HEAD        and against what is committed
  harness results check --against $(git merge-base origin/main HEAD) --json
                                              and against where this branch began
Exit codes: 0 nothing found, 1 findings, 2 wrong usage (no such folder, repository or ref).""",
)
@results_option
@click.option("--against", metavar="REF", help="Also compare with this commit: no row vanished, no score moved.")
@click.option(
    "--max-mb",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="N",
    help="Bound on the folder, in MB; one file may take half of it.",
)
@json_option
def check(results: str, against: str | None, max_mb: float, as_json: bool) -> None:
    """List everything that is wrong with the results folder.

    Rows must be valid, unique, in the file of their protocol, free of absolute paths, and of a clean commit; they hold
    an outcome for each query, and R-k is what the outcomes give; the leaderboards are what the rows give; nothing else
    lies in the folder. Against a commit: a score moves only with a new version of one of its plugins, or with a reason.
    """
    from harness.guard import check as checked

    try:
        found = checked(Path(results), against, max_mb)
    except HarnessError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        from dataclasses import asdict

        print_json([asdict(finding) for finding in found.findings])
    else:
        _show(found.findings)
    compared = "" if found.before is None else f", compared with {found.before} at {against}"
    verdict = f"{len(found.findings)} findings" if found.findings else "nothing found"
    console().print(f"{found.rows} rows{compared}: {verdict}", highlight=False)
    click.get_current_context().exit(1 if found.findings else 0)


@results.command(
    "explain",
    epilog="""\b
Examples:
  harness results explain --reason "SIFT reads photographs at 400 px since #17"
  harness results explain --reason "the old split held copies" --protocol 406d158ad9ab --against origin/main
  harness results explain --reason "..." --cell 7ebf412de04bd00b --cell 26a8c1d36f66bb0b""",
)
@results_option
@click.option("--reason", required=True, help="Why the numbers moved, or why rows went.")
@click.option("--cell", "cells", metavar="ID", multiple=True, help="Only this row (may be repeated) [default: all].")
@click.option("--protocol", metavar="HASH", default="", help="Only rows whose protocol hash begins so.")
@click.option("--against", metavar="REF", default="HEAD", show_default=True, help="What they moved away from.")
@json_option
def explain(results: str, reason: str, cells: tuple[str, ...], protocol: str, against: str, as_json: bool) -> None:
    """Write down why rows moved or vanished, in reasons.jsonl.

    A reason holds the digests of the scores before and after, so that it excuses this move and none that comes later.
    """
    from harness.guard import explain as explained

    try:
        written = explained(Path(results), reason, against, cells, protocol)
    except HarnessError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        print_json([line.model_dump() for line in written])
    for line in () if as_json else written:
        went = "" if line.new else " (vanished)"
        out().print(f"protocol {line.protocol_hash[:12]} cell {line.cell}{went}", markup=False, highlight=False)
    told = (
        f"{len(written)} reasons written to {results}/reasons.jsonl"
        if written
        else f"nothing is left to explain since {against}"
    )
    console().print(told, markup=False, highlight=False, soft_wrap=True)


def _show(findings: Iterable[Finding]) -> None:
    """A line each; what to do stands once behind all that it is said of."""
    for advice, group in groupby(findings, key=lambda finding: finding.advice):
        for finding in group:
            text = f"[bold]{escape(finding.where)}[/]: [red]{escape(finding.rule)}:[/] {escape(finding.problem)}"
            out().print(text, highlight=False, soft_wrap=True)
        out().print(f"  {advice}", markup=False, highlight=False, soft_wrap=True)
