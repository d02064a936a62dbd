"""A small results folder for tests of the guard, and ways to break it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rows import record

from harness import guard, leaderboard
from harness.record import Metric, RunRecord, pack_hits
from harness.results import Queries, Results

OTHER = "b" * 64
ASKED = Queries(
    np.array(["q0", "q1", "q2", "q3"]),
    np.array(["ann", "ann", "bob", "new"]),
    np.array([True, True, True, False]),
    np.zeros(4, bool),
    np.array(["x", "x", "y", "y"]),
    np.array(["zebra"] * 4),
)
PLUGINS = {"backbone": {"name": "resnet50", "version": "1"}, "matcher": {"name": "mutual-nn", "version": "1"}}
Edit = Callable[[dict[str, Any]], None]
STUDY = f"records/study-{'a' * 12}.jsonl"


def row(cell: str, *hits: int, **fields: Any) -> RunRecord:
    """A row whose metrics are what its outcomes (q0, q1, q2 known, q3 new) give."""
    right = {k: sum(0 < hit <= k for hit in hits[:3]) / 3 for k in (1, 5)}
    metrics = {f"R-{k}": Metric(value=value, n=3, low=0.0, high=1.0) for k, value in right.items()}
    given = {"metrics": metrics, "first_hits": pack_hits(np.array(hits)), "plugins": PLUGINS, "git": "c" * 40}
    return record(cell, **{**given, **fields})


def put(root: Path, *rows: RunRecord) -> None:
    results = Results(root)
    results.add(rows)
    results.add_queries(rows[0], ASKED)
    leaderboard.save(results)


def edit(root: Path, change: Edit, cell: str = "one") -> None:
    """Change a row on disk by hand, and make the leaderboards fit."""
    for path in (root / "records").glob("*.jsonl"):
        plain = [json.loads(line) for line in path.read_text().splitlines()]
        for fields in plain:
            if fields["cell"] == cell:
                change(fields)
        path.write_text("".join(f"{json.dumps(fields)}\n" for fields in plain if fields))
    leaderboard.save(Results(root))


def edit_line(path: Path, number: int, change: Edit) -> None:
    lines = path.read_text().split("\n")
    fields = json.loads(lines[number - 1])
    change(fields)
    lines[number - 1] = json.dumps(fields)
    path.write_text("\n".join(lines))


def set_recall(fields: dict[str, Any], name: str, **values: Any) -> None:
    fields["metrics"][name].update(values)


def moved(fields: dict[str, Any]) -> None:
    fields.update(first_hits=pack_hits(np.array([1, 0, 2, 5])))


def moved_further(fields: dict[str, Any]) -> None:
    fields.update(first_hits=pack_hits(np.array([1, 0, 2, 6])))


def moved_back(fields: dict[str, Any]) -> None:
    fields.update(first_hits=pack_hits(np.array([1, 0, 2, 0])))


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=rows")


def broken(root: Path, against: str | None = None, megabytes: float = 20) -> list[tuple[str, str]]:
    """(rule, where) of all findings."""
    return [(found.rule, found.where) for found in guard.check(root, against, megabytes).findings]
