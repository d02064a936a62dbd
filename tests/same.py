"""Are two results folders the same, to the last digit, but for what took how long and where?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.results import Results

OWN = {"seconds", "cached", "environment", "git"}


def numbers(results: Path) -> dict[str, dict[str, Any]]:
    """Everything in the records that is a number, a ranking or a decision, by cell."""
    rows = {record.cell: record.model_dump(mode="json", exclude=OWN) for record in Results(results).read()}
    for row in rows.values():
        row["history"] = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in row["history"]]
    return rows


def same(first: Path, second: Path) -> None:
    """Assert it, and that there is something to compare."""
    a, b = numbers(first), numbers(second)
    assert len(a) > 2
    assert a.keys() == b.keys()
    for cell, row in a.items():
        assert row == b[cell], cell
