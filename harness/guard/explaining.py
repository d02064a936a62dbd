"""Writing down why rows moved, so that the guard lets these moves pass, and no later ones."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import DataError
from harness.guard import reasons
from harness.guard.checking import opened, outstanding
from harness.guard.found import Folder
from harness.guard.history import commit, snapshot
from harness.guard.moves import Move
from harness.guard.reasons import Reason


def explain(
    root: Path, reason: str, against: str = "HEAD", cells: Collection[str] = (), protocol: str = ""
) -> list[Reason]:
    """Write a reason for every row that moved or vanished and is not excused yet; return what was written.

    Args:
        cells: only these; ``protocol``: only rows whose protocol hash begins so.

    Raises:
        DataError: see :func:`harness.guard.check`; a cell that did not move; damaged reasons; an empty reason.
        StoreError: the file cannot be written.
    """
    if not reason.strip():
        raise DataError("the reason is empty", "Say why the numbers moved: who reads them later was not there.")
    now, sha = opened(root), commit(root, against)
    _refuse_damage(now)
    with snapshot(root, sha) as place:
        found = outstanding(Folder(place), now, against)
    chosen = [move for move in found if move.protocol_hash.startswith(protocol) and (not cells or move.cell in cells)]
    _refuse_unmoved(set(cells) - {move.cell for move in chosen}, against)
    written = [_reason(move, reason.strip(), commit(root, "HEAD")) for move in chosen]
    if written:
        reasons.add(root, written)
    return written


def _reason(move: Move, text: str, sha: str) -> Reason:
    scores = {"old": move.old, "new": move.new}
    day = datetime.now(UTC).date().isoformat()
    return Reason(protocol_hash=move.protocol_hash, cell=move.cell, **scores, reason=text, date=day, git=sha)


def _refuse_damage(folder: Folder) -> None:
    """A damaged row looks like one that vanished; that is nothing to explain."""
    damaged = [*folder.findings, *reasons.read(folder.root)[1]]
    if damaged:
        raise DataError(
            f"{damaged[0].where}: {damaged[0].problem}", "Mend what is damaged first (harness results check)."
        )


def _refuse_unmoved(cells: set[str], ref: str) -> None:
    if cells:
        problem = f"nothing to explain: {', '.join(sorted(cells))} did not move since {ref}, or has its reason already"
        raise DataError(problem, f"See what moved: harness results check --against {ref}")
