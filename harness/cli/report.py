"""``harness report``: pages to look at results."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import (
    console,
    json_option,
    open_registry,
    open_store,
    plugin_option,
    print_json,
    results_option,
    store_option,
)

if TYPE_CHECKING:
    from harness.report.book import Written

COUNT = click.IntRange(min=0)


@click.command(
    epilog="""\b
Examples:
  harness report                          from ./results and the store into ./report
  harness report --open                   and show it in the browser
  harness report --out site --no-photographs    to publish where photographs must not be
  harness report --photographs 20000 --pairs 100
The pages open from disk, without a server or a network. Queries, matches, open set and atlas need the store in which
the rows were run; where it lacks them, run the grid again: what is kept is not computed again."""
)
@click.option(
    "--out", type=click.Path(path_type=Path), default="report", show_default="./report", help="Folder of the pages."
)
@click.option("--open", "show", is_flag=True, help="Show the report in the browser.")
@click.option(
    "--photographs",
    "thumbnails",
    metavar="N",
    type=COUNT,
    default=5000,
    show_default=True,
    help="Most photographs shown.",
)
@click.option("--no-photographs", is_flag=True, help="Show none, and draw no matches: the same as --photographs 0.")
@click.option(
    "--pairs",
    metavar="N",
    type=COUNT,
    default=30,
    show_default=True,
    help="Most pairs of a row whose matches are drawn.",
)
@click.option(
    "--answers",
    metavar="N",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Most answers (queries times rows) of a protocol that can be browsed; the best rows come first.",
)
@click.option(
    "--atlases", metavar="N", type=COUNT, default=3, show_default=True, help="Most embeddings drawn in two dimensions."
)
@results_option
@store_option
@plugin_option
@json_option
def report(
    out: Path,
    show: bool,
    thumbnails: int,
    no_photographs: bool,
    pairs: int,
    answers: int,
    atlases: int,
    results: str,
    store: str | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write pages to look at results: tables, rows, queries, matches, known or new, comparisons, audits, embeddings."""
    from harness.progress import Bars
    from harness.report.book import write
    from harness.report.limits import Limits
    from harness.results import Results

    limits = Limits(answers=answers, thumbnails=0 if no_photographs else thumbnails, pairs=pairs, atlases=atlases)
    try:
        with Bars(console()) as bars:
            written = write(out, Results(Path(results)), open_store(store), open_registry(plugin_files), limits, bars)
    except KeyboardInterrupt:
        console().print("Interrupted. An older report is still as it was.")
        raise SystemExit(130) from None
    start = out.absolute() / "index.html"
    if as_json:
        print_json({**asdict(written), "index": str(start)})
    else:
        _tell(written, start)
    if show:
        click.launch(str(start))


def _tell(written: Written, start: Path) -> None:
    for note in written.notes:
        console().print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    name, size = written.biggest
    told = (
        f"{written.pages} pages and {written.photographs} photographs, {written.bytes / 1e6:.1f} MB; "
        f"the biggest page is {name} with {size / 1e6:.2f} MB."
    )
    console().print(told, markup=False, highlight=False, soft_wrap=True)
    click.echo(str(start))
