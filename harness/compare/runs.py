"""What the gate keeps of a record, and the records of one or more results folders as cells with their repeats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.errors import DataError
from harness.leaderboard.tables import AXES, training
from harness.provenance import NUMERIC
from harness.record import Frozen, Metric, RunRecord, unpack_flags, unpack_hits
from harness.results import Queries

Number = tuple[float | None, int, float | None, float | None]
"""Value, n, low and high."""


class Run(Frozen):
    """One time that a cell ran: outcomes per query, every number, and what computed it."""

    status: Literal["ok", "skipped", "failed"] = "ok"
    reason: str = ""
    ranking: str = ""
    first_hits: str = ""
    said_known: str = ""
    numbers: Mapping[str, Number] = Field({}, description="metrics, and with 'view: ' before them those of views")
    counts: Mapping[str, int] = {}
    environment: Mapping[str, str] = {}
    git: str = ""

    def hits(self) -> NDArray[np.int64]:
        """Rank of the first right image of each query [q]; empty where the row answers no single query.

        Raises:
            DataError: they are damaged. So does :meth:`said`.
        """
        return unpack_hits(self.first_hits) if self.first_hits else np.zeros(0, np.int64)

    def said(self) -> NDArray[np.bool_]:
        """Whether each query was called known [q]; empty without a rule."""
        return unpack_flags(self.said_known) if self.said_known else np.zeros(0, np.bool_)

    @property
    def numeric(self) -> dict[str, str]:
        """What may change a last digit while the code stays the same."""
        return {name: self.environment.get(name, "unknown") for name in NUMERIC}


class Cell(Frozen):
    """A recipe under a protocol, with the times that it ran."""

    cell: str
    protocol: str
    protocol_hash: str
    protocol_fields: Mapping[str, Any]
    dataset: str
    labels: Mapping[str, str]
    runs: tuple[Run, ...] = Field(min_length=1)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two cells the same: protocol hash and digest of the recipe."""
        return self.protocol_hash, self.cell

    @property
    def place(self) -> tuple[str, str, str]:
        """The same, where the data or the protocol's fields have changed."""
        return self.protocol, self.dataset, self.cell

    @property
    def title(self) -> str:
        """One line for people."""
        told = [text for name, text in self.labels.items() if text not in ("", "none") and name != "seed"]
        return " / ".join([*told, f"seed {self.labels.get('seed', '?')}"])

    @property
    def trained(self) -> tuple[str, ...]:
        """Equal for cells that share a training, whose runs are therefore not independent."""
        return (self.protocol_hash, *(self.labels.get(axis, "") for axis in ("backbone", "loss", "training", "seed")))


Asked = Mapping[str, Queries]
"""Protocol hash -> its queries."""


def cells_of(records: Iterable[RunRecord], views: bool = True) -> list[Cell]:
    """The rows of a results folder, each with one run. ``views``: keep the numbers of views, too."""
    return [
        Cell(
            cell=record.cell,
            protocol=record.protocol,
            protocol_hash=record.protocol_hash,
            protocol_fields=record.protocol_fields,
            dataset=record.dataset,
            labels={**{axis: str(getattr(record, axis)) for axis in AXES}, "training": training(record)},
            runs=(run_of(record, views),),
        )
        for record in records
    ]


def run_of(record: RunRecord, views: bool = True) -> Run:
    """What is kept of a record."""
    numbers = dict(_numbers("", record.metrics))
    for view, metrics in record.views.items() if views else ():
        numbers |= _numbers(f"{view}: ", metrics)
    kept = ("status", "reason", "ranking", "first_hits", "said_known", "counts", "environment", "git")
    return Run(numbers=numbers, **{name: getattr(record, name) for name in kept})


def _numbers(prefix: str, metrics: Mapping[str, Metric]) -> Iterator[tuple[str, Number]]:
    return ((f"{prefix}{name}", (m.value, m.n, m.low, m.high)) for name, m in metrics.items())


def repeated(folders: Sequence[Sequence[Cell]]) -> list[Cell]:
    """The cells of several results folders; one that is in many of them has as many runs.

    Raises:
        DataError: a cell stands twice in a folder, or is not in every one: repeats are of one grid under one protocol.
    """
    runs: dict[tuple[str, str], list[Cell]] = {}
    for cells in folders:
        distinct(cells)
        for cell in cells:
            runs.setdefault(cell.key, []).append(cell)
    for same in runs.values():
        if len(same) != len(folders):
            raise DataError(
                f"{same[0].title} is in {len(same)} of {len(folders)} results folders",
                "Repeats are runs of one grid under one protocol, each with a --store and --results of its own.",
            )
    return [same[0].model_copy(update={"runs": tuple(cell.runs[0] for cell in same)}) for same in runs.values()]


def distinct(cells: Iterable[Cell]) -> None:
    """Raise a DataError where a cell stands twice."""
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        if cell.key in seen:
            raise DataError(f"{cell.title} (cell {cell.cell}) stands there twice", "Remove one of the two rows.")
        seen.add(cell.key)
