"""A baseline against a candidate: what belongs together, what is not comparable, and the verdict on the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.compare import exact, learnt
from harness.compare.runs import Asked, Cell
from harness.compare.verdict import Comparison, Judged, Verdict, mean_number
from harness.errors import DataError

ALPHA = 0.05
"""Chance of any false alarm in a comparison, for each of the two hurdles of a baseline that is not exact."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its name for people, its cells, and the queries of its protocols."""

    name: str
    cells: Sequence[Cell]
    asked: Asked


def compared(before: Side, after: Side, is_exact: bool, alpha: float = ALPHA) -> Comparison:
    """The verdict on every cell of ``before``.

    Args:
        is_exact: rankings must be equal, and numbers to 1e-9; else see :mod:`harness.compare.learnt`.
        alpha: see ``ALPHA``.
    """
    asked = {**before.asked, **after.asked}
    found = _found(before.cells, after.cells)
    apart = {cell.key: _unfit(cell, found.get(cell.key), asked, is_exact) for cell in before.cells}
    fit = [(cell, other) for cell in before.cells if apart[cell.key] is None and (other := found[cell.key])]
    verdicts: Callable[..., Sequence[Judged]] = _exactly if is_exact else learnt.judged
    done = {judged.cell.key: judged for judged in verdicts(fit, asked, alpha)}
    judged = [apart[cell.key] or done[cell.key] for cell in before.cells]
    numbered = tuple(replace(each, numbers=_numbers(each.cell, found.get(each.cell.key))) for each in judged)
    used = {id(cell) for cell in found.values()}
    return Comparison(before.name, is_exact, numbered, tuple(cell for cell in after.cells if id(cell) not in used))


def _found(before: Sequence[Cell], after: Sequence[Cell]) -> dict[tuple[str, str], Cell]:
    """Key of a cell -> the candidate's cell of that key, else its recipe on the same data set, else its recipe."""
    same = {cell.key: cell for cell in after}
    ours = {cell.key for cell in before}
    left = [cell for cell in after if cell.key not in ours]
    place, recipe = {cell.place: cell for cell in left}, {cell.cell: cell for cell in left}
    pairs = ((c.key, same.get(c.key) or place.get(c.place) or recipe.get(c.cell)) for c in before)
    return {key: other for key, other in pairs if other is not None}


def _exactly(cells: Sequence[tuple[Cell, Cell]], asked: Asked, alpha: float) -> list[Judged]:
    return [exact.judged(before, after, asked.get(before.protocol_hash)) for before, after in cells]


def _unfit(before: Cell, after: Cell | None, asked: Asked, is_exact: bool) -> Judged | None:
    """The verdict on a cell that is not there, did not run, or ran on something else; None where it can be compared."""
    if after is None:
        return Judged(before, Verdict.MISSING, "the candidate has no such cell")
    failed = [run for run in after.runs if run.status == "failed"]
    if failed:
        return Judged(before, Verdict.ERROR, f"failed: {failed[0].reason}")
    if before.key != after.key:
        return Judged(before, Verdict.NOT_COMPARABLE, "; ".join(_why_apart(before, after)))
    skipped = [run for run in after.runs if run.status == "skipped"]
    if skipped:
        return Judged(before, Verdict.MISSING, f"skipped: {skipped[0].reason}")
    try:
        for run in (*before.runs, *after.runs):
            _ = run.hits(), run.said()  # damaged ones are an error of this cell alone
        return _incomplete(before, after, asked, is_exact)
    except DataError as error:
        return Judged(before, Verdict.ERROR, error.problem)


def _why_apart(before: Cell, after: Cell) -> Iterator[str]:
    if before.dataset != after.dataset:
        yield f"{before.dataset} -> {after.dataset}"
    old, new = before.protocol_fields, after.protocol_fields
    fields = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    yield from (f"{name}: {old.get(name, 'not given')} -> {new.get(name, 'not given')}" for name in fields)
    counts = before.runs[0].counts, after.runs[0].counts
    sizes = [name for name in ("n_query", "n_gallery", "n_individuals") if counts[0].get(name) != counts[1].get(name)]
    yield from (f"{name}: {counts[0].get(name, '-')} -> {counts[1].get(name, '-')}" for name in sizes)
    if not fields and before.dataset == after.dataset:
        yield "the images, their labels or roles, or the definition of the metrics are others"


def _incomplete(before: Cell, after: Cell, asked: Asked, is_exact: bool) -> Judged | None:
    """Queries of the protocol that a side holds no outcome for."""
    if not any(run.first_hits for cell in (before, after) for run in cell.runs):
        return None if is_exact else Judged(before, Verdict.OK)  # chance answers no single query
    queries = asked.get(before.protocol_hash)
    if queries is None:
        if is_exact:
            return None
        return Judged(before, Verdict.NOT_COMPARABLE, "the queries of its protocol were not kept on either side")
    decided = all(run.said_known for run in before.runs)
    for side, cell in (("baseline", before), ("candidate", after)):
        for run in cell.runs:
            held = {"outcomes": len(run.hits())}
            if decided or run.said_known:
                held["decisions"] = len(run.said())
            for what, there in held.items():
                if there != len(queries):
                    told = f"the {side} holds {what} of {there} of {len(queries)} queries"
                    return Judged(before, Verdict.MISSING, told)
    return None


def _numbers(before: Cell, after: Cell | None) -> Mapping[str, tuple[float | None, float | None]]:
    """Metric (no views) -> its mean on either side."""
    if after is None:
        return {}
    names = [name for name in before.runs[0].numbers if ": " not in name]
    return {name: (mean_number(before, name), mean_number(after, name)) for name in names}
