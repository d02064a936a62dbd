"""Running a grid: cell after cell through the pipeline, a record for each, and a leaderboard that is always current."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.cell import AXES, Cell
from harness.config import public
from harness.errors import HarnessError, StoreError
from harness.grid import Grid
from harness.keys import plugins
from harness.pipeline import Pipeline
from harness.protocol import Data
from harness.provenance import environment, git_state
from harness.record import Metric, RunRecord
from harness.specs import LossSpec
from harness.store import Value
from harness.workbench import Tally

Reuse = Literal["only-missing", "never-compute"]


@dataclass(frozen=True)
class Ended:
    """A cell with its record and the wall-clock seconds that it took this time."""

    cell: Cell
    record: RunRecord
    seconds: float


def run(
    grid: Grid, data: Data, pipeline: Pipeline, reuse: Reuse = "only-missing", debug: bool = False
) -> Iterator[Ended]:
    """Run every cell and yield it when it has ended; a cell that fails does not stop the others.

    With ``never-compute`` only cells whose score is in the store are yielded (and those that are skipped).

    Raises:
        StoreError: the store itself cannot be used (disk full, read-only): nothing later could succeed.
    """
    for cell in grid.cells:
        reason = cell.skip or impossible_on(cell, data)
        if reuse == "never-compute" and not reason and not pipeline.finished(cell):
            continue
        began = time.perf_counter()
        record = _skipped(cell, data, reason) if reason else _run(cell, data, pipeline, debug)
        yield Ended(cell, record, time.perf_counter() - began)


def impossible_on(cell: Cell, data: Data) -> str:
    """Why a cell makes no sense on this data, or an empty string."""
    train, validation = data.table.having("train"), data.table.having("validation")
    if cell.loss and isinstance(cell.loss.spec, LossSpec) and cell.loss.spec.labels == "species":
        kinds = np.unique(train.species)
        if len(kinds) < 2 or "" in kinds:
            return f"{cell.loss.spec.name} needs at least two species in the train images, all of them named"
    if cell.openset and (validation.known.all() or not validation.known.any()):
        lacking = "new" if validation.known.any() else "known"
        return f"{cell.openset.spec.name} is fitted on validation, which has no {lacking} individuals"
    return ""


def _run(cell: Cell, data: Data, pipeline: Pipeline, debug: bool) -> RunRecord:
    try:
        value, tally = pipeline.run(cell)
    except StoreError:
        raise
    except HarnessError as error:
        return _record(cell, data, "failed", str(error), pipeline.bench.tally)
    except Exception as error:  # a plugin may raise anything; its cell fails, and the record says why
        if debug:
            raise
        reason = f"{type(error).__name__}: {error} (see where with harness run --debug)"
        return _record(cell, data, "failed", reason, pipeline.bench.tally)
    return _record(cell, data, "ok", "", tally, value)


def _skipped(cell: Cell, data: Data, reason: str) -> RunRecord:
    return _record(cell, data, "skipped", reason, Tally())


def _record(cell: Cell, data: Data, status: Any, reason: str, tally: Tally, value: Value | None = None) -> RunRecord:
    info: Mapping[str, Any] = value.info if value else {}
    labels: dict[str, Any] = {axis: cell.label(axis) for axis in AXES}
    return RunRecord(
        cell=cell.id,
        grid=cell.grid,
        protocol=data.protocol.title,
        protocol_hash=data.protocol_hash,
        protocol_fields=data.protocol.model_dump(mode="json", exclude={"dataset"}),
        dataset=data.dataset,
        **labels,
        seed=cell.seed,
        status=status,
        reason=without_paths(reason),
        metrics={name: Metric(**m) for name, m in info.get("metrics", {}).items()},
        counts={**data.counts(), **info.get("counts", {})},
        seconds=tally.seconds,
        cached=tally.cached,
        settings={axis: cell.settings(axis) for axis in (*AXES, "features") if getattr(cell, axis)},
        plugins=plugins(cell),
        train=public(cell.train) if cell.loss else {},
        history=tuple(info.get("history", ())),
        environment=environment(),
        git=git_state(),
    )


def without_paths(text: str) -> str:
    """The text with absolute paths cut down to their last part: a record is read on other machines."""
    return re.sub(r"(?<![\w.~/:])/(?:[^\s/'\":;,()]+/)+", "", text)
