"""The leaderboard: a pure function of records and the queries behind them, one table a protocol, never mixed."""

from __future__ import annotations

from harness.leaderboard.differences import Queried, differences
from harness.leaderboard.gains import gains
from harness.leaderboard.gains_view import gains_markdown, gains_rows, gains_terminal
from harness.leaderboard.markdown import markdown
from harness.leaderboard.sheet import comma_separated
from harness.leaderboard.tables import AXES, heading, metric_names, policy, rows, tables, training
from harness.leaderboard.terminal import plain, terminal
from harness.record import RunRecord
from harness.results import Results

__all__ = [
    "AXES",
    "comma_separated",
    "differences",
    "gains",
    "gains_markdown",
    "gains_rows",
    "gains_terminal",
    "heading",
    "markdown",
    "metric_names",
    "plain",
    "policy",
    "queried",
    "rows",
    "save",
    "tables",
    "terminal",
    "training",
]


def queried(results: Results, records: list[RunRecord]) -> Queried:
    """Protocol hash -> its queries, where they were kept."""
    firsts = {record.protocol_hash: record for record in records}
    return {name: found for name, record in firsts.items() if (found := results.queries(record))}


def save(results: Results) -> list[RunRecord]:
    """Write ``leaderboard.md`` and ``.csv`` from the records there are, and return these; no records, no files."""
    records = results.read()
    if records:
        results.write("leaderboard.md", markdown(records, queried(results, records)))
        results.write("leaderboard.csv", comma_separated(records))
    return records
