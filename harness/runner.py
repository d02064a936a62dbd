"""Running a grid: cell after cell through the pipeline, a record for each, and a leaderboard that is always current."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.cell import AXES, Cell
from harness.config import masked, public
from harness.contamination import Seen, mark, seen
from harness.errors import HarnessError, StoreError
from harness.fingerprint import digest
from harness.grid import Grid
from harness.keys import plugins
from harness.pipeline import Pipeline
from harness.predictions import Predictions
from harness.protocol import Data
from harness.provenance import environment, git_state
from harness.record import Metric, RunRecord, pack_flags, pack_hits
from harness.references import Reference, references
from harness.results import Queries
from harness.scoring import Finished, score
from harness.specs import LossSpec, OpenSetSpec
from harness.store import Value
from harness.trace import leave
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
        if record.status == "ok":
            leave(pipeline.bench.store, cell, data, grid.dataset, pipeline.keys, record.ranking)
        yield Ended(cell, record, time.perf_counter() - began)


def failed(cell: Cell, data: Data, reason: str) -> RunRecord:
    """The record of a cell of which something failed elsewhere, in a job that it waited for."""
    return _record(cell, data, "failed", reason, Tally())


def reference_rows(data: Data, pipeline: Pipeline) -> list[RunRecord]:
    """The rows of chance and majority that every table of this protocol holds."""
    query, gallery = pipeline.keys.asked["query"], pipeline.keys.gallery["query"]
    found = references(data.protocol, pipeline.asked, (data.scope(query), data.scope(gallery)))
    return [_reference(reference, data) for reference in found]


def imported_row(name: str, predictions: Predictions, data: Data, pipeline: Pipeline) -> RunRecord:
    """The row of a foreign system, called ``name``; imported again it takes its own place."""
    ranking, decided = predictions.ranking, predictions.decisions
    value = score(
        data.protocol, pipeline.asked, Finished(ranking, ranking, decided, None, predictions.level == "image")
    )
    row = {**_under(data), **_scored(value, data)}
    if not predictions.calibrated:
        row["metrics"].pop("calibration error", None)  # a plain 0 or 1 is no probability
    labels = {**dict.fromkeys(AXES, "none"), "backbone": name, "openset": "imported" if decided else "none"}
    cell = digest({"imported": name})[:16]
    told = _marked(Seen(unknown=True), data)  # what a foreign system was trained on, only its author knows
    return RunRecord(
        kind="imported", cell=cell, grid="imported", **labels, seed=0, status="ok", contamination=told, **row
    )


def queries(pipeline: Pipeline) -> Queries:
    """The queries behind the records of a protocol."""
    query = pipeline.asked.query
    leaked = pipeline.asked.leaked
    return Queries(query.image_id, query.identity, query.known, leaked, query.dataset, query.species)


def impossible_on(cell: Cell, data: Data) -> str:
    """Why a cell makes no sense on this data, or an empty string."""
    train, validation = data.table.having("train"), data.table.having("validation")
    if cell.loss and isinstance(cell.loss.spec, LossSpec) and cell.loss.spec.labels == "species":
        kinds = np.unique(train.species)
        if len(kinds) < 2 or "" in kinds:
            return f"{cell.loss.spec.name} needs at least two species in the train images, all of them named"
    if cell.features and masked(cell.features.config) and not cell.segmenter and not (data.table.mask != "").any():
        return f"{data.dataset} has no masks for {cell.features.label}: name a segmenter, such as segmenter=grabcut"
    if cell.openset and isinstance(cell.openset.spec, OpenSetSpec):
        there = {"known": bool(validation.known.any()), "new": bool((~validation.known).any())}
        lacking = [kind for kind in sorted(cell.openset.spec.fitted_on) if not there[kind]]
        if lacking:
            return f"{cell.openset.spec.name} is fitted on validation, which has no {lacking[0]} individuals"
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
    labels: dict[str, Any] = {axis: cell.label(axis) for axis in AXES}
    return RunRecord(
        cell=cell.id,
        grid=cell.grid,
        **labels,
        seed=cell.seed,
        status=status,
        reason=without_paths(reason),
        seconds=tally.seconds,
        cached=tally.cached,
        settings={axis: cell.settings(axis) for axis in (*AXES, "features") if getattr(cell, axis)},
        plugins=plugins(cell),
        train=public(cell.train) if cell.loss else {},
        history=tuple(value.info.get("history", ())) if value else (),
        contamination=_contamination(cell, data),
        **_under(data),
        **_scored(value, data),
    )


def _contamination(cell: Cell, data: Data) -> str:
    """Which of the queries' data sets the backbone's weights had seen before."""
    return _marked(seen(cell.settings("backbone"), cell.backbone.spec.name), data)


def _marked(known: Seen, data: Data) -> str:
    return mark(known, np.unique(data.table.having("query").dataset).tolist())


def _reference(reference: Reference, data: Data) -> RunRecord:
    labels = {**dict.fromkeys(AXES, "none"), "backbone": reference.name, "openset": reference.openset}
    cell = digest({"reference": [reference.name, reference.openset]})[:16]
    row = {**_under(data), **_scored(reference.value, data)}
    return RunRecord(kind="reference", cell=cell, grid="reference", **labels, seed=0, status="ok", **row)


def _under(data: Data) -> dict[str, Any]:
    """The fields of a record that say under which protocol, on what, and by which code."""
    return {
        "protocol": data.protocol.title,
        "protocol_hash": data.protocol_hash,
        "protocol_fields": data.protocol.model_dump(mode="json", exclude={"dataset"}),
        "dataset": data.dataset,
        "environment": environment(),
        "git": git_state(),
    }


def _scored(value: Value | None, data: Data) -> dict[str, Any]:
    """The fields of a record that a score fills."""
    info: Mapping[str, Any] = value.info if value else {}
    arrays: Mapping[str, Any] = value.arrays if value else {}
    return {
        "metrics": _metrics(info.get("metrics", {})),
        "views": {view: _metrics(found) for view, found in info.get("views", {}).items()},
        "counts": {**data.counts(), **info.get("counts", {})},
        "first_hits": pack_hits(arrays["first_hit"]) if "first_hit" in arrays else "",
        "said_known": pack_flags(arrays["said_known"]) if "said_known" in arrays else "",
        "ranking": info.get("ranking", ""),
    }


def _metrics(plain: Mapping[str, Any]) -> dict[str, Metric]:
    return {name: Metric(**metric) for name, metric in plain.items()}


def without_paths(text: str) -> str:
    """The text with absolute paths cut down to their last part: a record is read on other machines."""
    return re.sub(r"(?<![\w.~/:])/(?:[^\s/'\":;,()]+/)+", "", text)
