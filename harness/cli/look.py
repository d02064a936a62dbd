"""``harness leaderboard``: looking at results."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import console, json_option, out, print_json, results_option


@click.command(
    epilog="""\b
Examples:
  harness leaderboard
  harness leaderboard --results results --json"""
)
@results_option
@json_option
def leaderboard(results: str, as_json: bool) -> None:
    """Show the leaderboard, one table a protocol, and write leaderboard.md and .csv beside the records.

    In a wide terminal intervals are drawn as bars on one scale a column; the best value is bold.
    """
    from harness import leaderboard as board
    from harness.results import Results

    folder = Results(Path(results))
    records = board.save(folder)
    if not records:
        console().print(
            f"There are no records in {results}/records yet; make some: harness run --grid", highlight=False
        )
    if as_json:
        print_json(board.rows(records))
        return
    asked = board.queried(folder, records)
    for first, group in board.tables(records):
        tests = board.differences(group, asked.get(first.protocol_hash))
        for table in board.terminal(first, group, out().width, tests):
            out().print(table)
        for record in group:
            if record.status != "ok":
                recipe = " / ".join((record.backbone, record.loss, record.matcher, record.openset))
                out().print(board.plain(f"{record.status} {recipe}: {record.reason}"), highlight=False)
