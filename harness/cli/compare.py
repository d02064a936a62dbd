"""``harness compare`` and ``harness baseline``: the gate that tells whether accuracy has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from harness.cli.common import console, json_option, out, print_json, results_option
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.compare.baseline import Baseline
    from harness.compare.verdict import Comparison


@click.command(
    epilog="""\b
Examples:
  harness run --grid gate --store /tmp/store --results /tmp/new
  harness compare gate /tmp/new                      against results/baselines/gate.json
  harness compare before after --json                two results folders
  harness compare real run1 run2 --markdown pr.md    a candidate that ran twice

\b
Exit codes: 0 ok, 10 regressed, 11 improved, 12 not comparable, 13 missing, 1 error, 2 wrong usage.
A comparison has the verdict of its worst cell."""
)
@click.argument("baseline")
@click.argument("candidate", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@results_option
@click.option(
    "--exact/--learnt",
    "exact",
    default=None,
    help="To the digit, or within tolerances [default: as the baseline says].",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="Chance of any false alarm, without --exact.",
)
@click.option("--all", "everything", is_flag=True, help="Show cells that are ok, too.")
@click.option("--markdown", metavar="FILE", help="Write old, new and delta as Markdown, for a pull request.")
@click.option("--junit", metavar="FILE", help="Write a test case a cell as JUnit XML.")
@json_option
def compare(
    baseline: str,
    candidate: tuple[Path, ...],
    results: str,
    exact: bool | None,
    alpha: float,
    everything: bool,
    markdown: str | None,
    junit: str | None,
    as_json: bool,
) -> None:
    """Tell whether CANDIDATE is as accurate as BASELINE: cell by cell, and query by query.

    BASELINE is the name of a baseline below the results folder, its file, or a results folder. CANDIDATE is a results
    folder; several are repeats of one grid.
    """
    from harness.compare import view
    from harness.compare.judge import compared
    from harness.compare.load import baseline_side, candidate_side

    before, is_exact = baseline_side(baseline, Path(results))
    found = compared(before, candidate_side(candidate), is_exact if exact is None else exact, alpha)
    _save(markdown, "--markdown", view.markdown(found).encode())
    _save(junit, "--junit", view.junit(found))
    if as_json:
        print_json(view.plain(found))
    else:
        _show(found, everything)
    raise SystemExit(found.verdict.exit_code)


def _show(found: Comparison, everything: bool) -> None:
    from harness.compare import view

    table = view.terminal(found, everything)
    if table:
        out().print(table)
    colour = view.COLOURS[found.verdict]
    out().print(f"[{colour}]{escape(found.summary)}[/]", highlight=False, soft_wrap=True)


def _save(path: str | None, option: str, content: bytes) -> None:
    from harness.disk import explained, write_atomically

    if path:
        with explained(Path(path), "file", option):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(Path(path), content)


@click.group()
def baseline() -> None:
    """Accepted results that later ones are held against (harness compare)."""


@baseline.command(
    epilog="""\b
Examples:
  harness baseline accept /tmp/new --name gate --exact --reason "SIFT keeps its strongest keypoints"
  harness baseline accept run1 run2 run3 --name nyala --reason "first baseline, three repeats"
The reason is written into the baseline, and stays there."""
)
@click.argument("candidate", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", required=True, help="The baseline, results/baselines/NAME.json.")
@click.option("--reason", required=True, help="Why the numbers are right now and were not before.")
@click.option(
    "--exact/--learnt",
    "exact",
    default=None,
    help="To the digit, or within tolerances [default: as it was; a new one: learnt].",
)
@results_option
def accept(candidate: tuple[Path, ...], name: str, reason: str, exact: bool | None, results: str) -> None:
    """Make or move a baseline: from now on CANDIDATE is what others are held against."""
    from harness.compare.accept import accepted
    from harness.compare.baseline import path_of, write

    if not Path(results).is_dir():
        raise HarnessError(f"there is no folder {results}", "Make it, or name the results folder with --results.")
    path = path_of(Path(results), name)
    made, moved = accepted(path, name, candidate, reason, exact)
    if made is None:
        console().print(f"{path} holds just these numbers; nothing to accept.", highlight=False, soft_wrap=True)
        return
    write(path, made)
    for line in moved:
        out().print(escape(line), highlight=False, soft_wrap=True)
    runs = len(made.cells[0].runs)
    told = f"{path}: {len(made.cells)} cells, {runs} run{'s' if runs > 1 else ''} each. Commit it with the change."
    console().print(told, highlight=False, soft_wrap=True)


@baseline.command(
    epilog="""\b
Examples:
  harness baseline show gate
  harness baseline show gate --json"""
)
@click.argument("name")
@results_option
@json_option
def show(name: str, results: str, as_json: bool) -> None:
    """Show what a baseline holds, and every reason for which it has moved."""
    from harness.compare.baseline import path_of, read

    kept = read(Path(name) if name.endswith(".json") else path_of(Path(results), name))
    if as_json:
        print_json(kept.model_dump(mode="json"))
        return
    _show_baseline(kept)


def _show_baseline(kept: Baseline) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{kept.name}: {'to the digit' if kept.exact else 'within learnt tolerances'}")
    for column in ("cell", "runs", "R-1", "AUROC"):
        table.add_column(column, overflow="fold")
    for cell in kept.cells:
        values = [[run.numbers.get(name, (None,))[0] for run in cell.runs] for name in ("R-1", "AUROC")]
        shown = [", ".join("-" if v is None else f"{100 * v:.1f}" for v in found) for found in values]
        table.add_row(Text(cell.title), str(len(cell.runs)), *shown)
    out().print(table)
    for entry in kept.accepted:
        out().print(escape(f"{entry.date} {entry.git[:12]} {entry.reason}"), highlight=False, soft_wrap=True)
        for line in entry.moved:
            out().print(escape(f"  {line}"), highlight=False, soft_wrap=True)
