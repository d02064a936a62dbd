"""Accepting results as a baseline: what must hold of them, and what has moved since the one before."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import __version__
from harness.compare.baseline import Accepted, Baseline, read
from harness.compare.judge import Side, compared
from harness.compare.load import candidate_side, commits
from harness.compare.runs import Cell
from harness.compare.verdict import Verdict
from harness.errors import DataError, HarnessError
from harness.guard.found import Folder
from harness.guard.outcomes import outcomes
from harness.guard.rows import COMMIT


def accepted(
    path: Path, name: str, folders: Sequence[Path], reason: str, exact: bool | None
) -> tuple[Baseline | None, tuple[str, ...]]:
    """The baseline that results folders make, and a line for each cell that has moved; None where nothing has.

    Args:
        path: where the baseline before lies, if there is one.
        exact: None: as the one before.

    Raises:
        DataError: a cell failed, the folders do not hold the same cells, or they were not made with one committed state
            of the code. HarnessError: no reason.
    """
    if not reason.strip():
        raise HarnessError("a baseline moves for a reason, and --reason is empty", "Say why the numbers are right now.")
    before = read(path) if path.is_file() else None
    is_exact = exact if exact is not None else before.exact if before else False
    side = candidate_side(folders, views=is_exact)
    for folder in folders:
        _consistent(folder)
    cells = tuple(_usable(side.cells))
    moved = tuple(_moved(before, side, is_exact)) if before else ()
    if before and before.exact == is_exact and _equal(before.cells, cells):
        return None, ()
    entry = Accepted(date=datetime.date.today().isoformat(), git=_commit(folders), reason=reason.strip(), moved=moved)
    history = (*(before.accepted if before else ()), entry)
    return Baseline(name=name, exact=is_exact, accepted=history, cells=cells), moved


def _consistent(folder: Path) -> None:
    """Raise a DataError where a row's numbers are not what its outcomes give: nobody ran that."""
    for found in outcomes(Folder(folder)):
        raise DataError(f"{folder}/{found.where}: {found.problem}", "Run the cell again.")


def _equal(before: Sequence[Cell], after: Sequence[Cell]) -> bool:
    """Whether the same cells gave the same on the same kind of machine, whatever the commit."""
    return [_given(cell) for cell in before] == [_given(cell) for cell in after]


def _given(cell: Cell) -> tuple[object, ...]:
    runs = [(run.model_dump(exclude={"git", "environment"}), run.numeric) for run in cell.runs]
    return cell.model_dump(exclude={"runs"}), runs


def _usable(cells: Sequence[Cell]) -> Iterator[Cell]:
    """The cells that ran; skipped ones are no part of a baseline."""
    for cell in cells:
        states = {run.status for run in cell.runs}
        if "failed" in states:
            raise DataError(f"{cell.title} failed: {cell.runs[0].reason}", "Mend it and run the grid again.")
        if states == {"ok"}:
            yield cell


def _moved(before: Baseline, after: Side, is_exact: bool) -> Iterator[str]:
    """A line a cell; to the digit only where the one before and the new one are both held to it."""
    found = compared(Side(before.name, before.cells, {}), after, before.exact and is_exact)
    for judged in found.judged:
        if judged.verdict is not Verdict.OK:
            old, new = judged.numbers.get("R-1", (None, None))
            told = "" if old is None or new is None else f"R-1 {100 * old:.1f} -> {100 * new:.1f}; "
            yield f"{judged.verdict.value}: {judged.cell.title}: {told}{judged.reason}"
    yield from (f"new: {cell.title}" for cell in found.extra)


def _commit(folders: Sequence[Path]) -> str:
    """The commit that all records were made with, or the version of an installed harness."""
    there = commits(folders)
    if there == {""}:  # installed, not a checkout
        return f"reid-harness {__version__}"
    if len(there) != 1 or not COMMIT.fullmatch(next(iter(there))):
        told = ", ".join(sorted(commit or "none" for commit in there))
        raise DataError(
            f"these results were made with {told}; a baseline belongs to one commit without changes",
            "Commit the change, run the grid again with a new --store, and accept that.",
        )
    return there.pop()
