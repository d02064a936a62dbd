"""All rules of the guard, one after the other: the folder by itself, and against a commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import DataError
from harness.guard import files, outcomes, reasons, rows
from harness.guard.found import Finding, Folder
from harness.guard.history import commit, snapshot
from harness.guard.moves import Move, moves, unexplained

ADVICE = (
    "Bring the old row back; or raise the version of the plugin that changed and run the cell again; or say why: "
    'harness results explain --reason "..."'
)
RULES = (
    *(rows.duplicates, rows.names, rows.one_protocol, rows.paths, rows.commits, outcomes.outcomes),
    *(files.unknown_files, files.leaderboards, files.baselines),
)


@dataclass(frozen=True)
class Checked:
    """What was found, and how much was looked at: rows now, and rows at the commit (None: not compared)."""

    findings: list[Finding]
    rows: int
    before: int | None = None


def check(root: Path, against: str | None, megabytes: float) -> Checked:
    """Everything that is wrong with a results folder.

    Args:
        against: a git ref; what stood there must still stand, but for moves with a new version or a reason.
        megabytes: bound on the folder; one file may take half of it.

    Raises:
        DataError: no folder, no git repository, or no such ref.
    """
    folder = opened(root)
    sha = commit(root, against) if against is not None else None
    _, damaged = reasons.read(root)
    found = [finding for rule in RULES for finding in rule(folder)] + list(files.sizes(folder, megabytes))
    found = [*folder.findings, *damaged, *found]
    if against is None or sha is None:
        return Checked(found, len(folder.rows))
    with snapshot(root, sha) as place:
        before = Folder(place)
        return Checked([*found, *_against(before, folder, against)], len(folder.rows), len(before.rows))


def opened(root: Path) -> Folder:
    """The folder. Raises DataError where there is none."""
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", "Name the results folder with --results.")
    return Folder(root)


def outstanding(before: Folder, now: Folder, ref: str) -> list[Move]:
    """The moves that neither a new version nor a reason written since then excuses.

    A reason that stood there already has been used, and excuses nothing that came later.
    """
    old, new = reasons.read(before.root)[0], reasons.read(now.root)[0]
    return unexplained(moves(before, now, ref), (Counter(new) - Counter(old)).elements())


def _against(before: Folder, now: Folder, ref: str) -> Iterator[Finding]:
    for move in outstanding(before, now, ref):
        yield Finding("moved" if move.new else "vanished", move.where, move.told, ADVICE)
    old, new = reasons.read(before.root)[0], reasons.read(now.root)[0]
    for reason in reasons.lost(old, new):
        problem = f"the reason of {reason.date} for cell {reason.cell} ({reason.reason[:60]!r}) vanished or was changed"
        yield Finding("reasons", reasons.FILE, problem, reasons.ADVICE)
    yield from files.moved_baselines(before.root, now.root)
    for finding in before.findings:
        advice = "Every row that was ever written must stay readable: mend the reading, not the row."
        yield replace(finding, where=f"{finding.where} at {ref}", advice=advice)
