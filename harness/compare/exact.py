"""The exact gate: rankings equal to the last place, every number to 1e-9."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.compare.runs import Cell, Number, Run
from harness.compare.verdict import Change, Judged, Verdict
from harness.metrics.ranking import within
from harness.results import Queries

TOLERANCE = 1e-9
LOOSER = {"calibration error": 1e-4}
"""Numbers that hang on scores and not on their order alone: a cosine is kept to six decimals, and its last one may turn
with the batch that an image was embedded in."""
HIGHER_IS_BETTER = ("R-", "mAP", "MAP@R", "balanced accuracy", "AUROC", "OSCR", "DIR@", "BAKS", "BAUS")
SHOWN = 5
"""Most numbers that a reason names."""


def judged(before: Cell, after: Cell, queries: Queries | None) -> Judged:
    """The verdict on a cell that ran: each run of the candidate must be what every run of the baseline was."""
    old = before.runs[0]
    if any(True for run in before.runs[1:] for _ in _differences(old, run)):
        reason = "the baseline's own repeats differ, so it cannot be held to the digit: use one that is not exact"
        return Judged(before, Verdict.NOT_COMPARABLE, reason)
    new = next((run for run in after.runs if any(True for _ in _differences(old, run))), None)
    if new is None:
        return Judged(before, Verdict.OK)
    told = list(_differences(old, new))
    elsewhere = [f"{name} {old.numeric[name]} -> {new.numeric[name]}" for name in old.numeric if _other(old, new, name)]
    if elsewhere:
        reason = f"{told[0]}, but it was computed elsewhere: {', '.join(elsewhere)}"
        return Judged(before, Verdict.NOT_COMPARABLE, reason)
    verdict = Verdict.IMPROVED if _better(old, new) else Verdict.REGRESSED
    return Judged(before, verdict, "; ".join(told), tuple(_changes(old, new, queries)))


def _other(old: Run, new: Run, name: str) -> bool:
    return old.numeric[name] != new.numeric[name]


def _differences(old: Run, new: Run) -> Iterator[str]:
    """What is not equal, in words."""
    hits = [run.hits() for run in (old, new)]  # unpacked: another zlib packs the same ranks into another text
    if old.ranking != new.ranking:
        moved = int((hits[0] != hits[1]).sum()) if len(hits[0]) == len(hits[1]) else max(map(len, hits))
        yield f"the ranking is another one (the first right image has moved for {moved} of {len(hits[0])} queries)"
    elif not np.array_equal(hits[0], hits[1]):
        yield "the ranking is the same, and the rank of the first right image is not"
    if not np.array_equal(old.said(), new.said()):
        yield "known or new is decided otherwise"
    if old.counts != new.counts:
        names = sorted(name for name in {**old.counts, **new.counts} if old.counts.get(name) != new.counts.get(name))
        yield "counts: " + ", ".join(f"{n} {old.counts.get(n, '-')} -> {new.counts.get(n, '-')}" for n in names[:SHOWN])
    numbers = [name for name in {**old.numbers, **new.numbers} if _moved(name, old, new)]
    if numbers:
        shown = ", ".join(f"{n} {_value(old, n)} -> {_value(new, n)}" for n in numbers[:SHOWN])
        yield f"{len(numbers)} numbers: {shown}{', ...' if len(numbers) > SHOWN else ''}"


def _moved(name: str, old: Run, new: Run) -> bool:
    first, second = old.numbers.get(name), new.numbers.get(name)
    if first is None or second is None:
        return first is not second
    allowed = LOOSER.get(name.rpartition(": ")[2], TOLERANCE)
    return any(_apart(a, b, allowed) for a, b in zip(first, second, strict=True))


def _apart(a: float | None, b: float | None, allowed: float) -> bool:
    return a is not b if a is None or b is None else abs(a - b) > allowed


def _value(run: Run, name: str) -> str:
    number: Number | None = run.numbers.get(name)
    if number is None:
        return "missing"
    return "-" if number[0] is None else f"{number[0]:.6g}"


def _better(old: Run, new: Run) -> bool:
    """Whether no metric that is better when higher fell, and one rose."""
    names = [name for name in old.numbers if name.startswith(HIGHER_IS_BETTER)]
    pairs = [(old.numbers[name][0], new.numbers.get(name, (None,))[0]) for name in names]
    steps = [b - a if a is not None and b is not None else 0.0 if a is b else -1.0 for a, b in pairs]
    return min(steps, default=0.0) >= -TOLERANCE and max(steps, default=0.0) > TOLERANCE


def _changes(old: Run, new: Run, queries: Queries | None) -> Iterator[Change]:
    """R-1 of known queries on either side, with the queries that were gained and lost."""
    if queries is None:
        return
    hits = [run.hits() for run in (old, new)]
    if len(hits[0]) != len(queries) or len(hits[1]) != len(queries):
        return
    before, after = (within(found, 1) * queries.known for found in hits)
    ids, known = queries.image_id, max(int(queries.known.sum()), 1)
    gained, lost = (tuple(ids[np.flatnonzero(rows)].tolist()) for rows in (after > before, after < before))
    yield Change("R-1", known, float(before.sum() / known), float(after.sum() / known), 0.0, 0.0, gained, lost)
