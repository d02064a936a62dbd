"""Sides of a comparison from what a user names: a baseline, or results folders that are repeats of each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import leaderboard
from harness.compare.baseline import Baseline, path_of, read
from harness.compare.judge import Side
from harness.compare.runs import Cell, cells_of, repeated
from harness.errors import DataError
from harness.record import RunRecord
from harness.results import Queries, Results


def baseline_side(named: str, results: Path) -> tuple[Side, bool]:
    """The side that ``named`` means, and whether it is to be met to the digit.

    Args:
        named: a baseline below ``results``, its file, or a results folder.
        results: the folder of results that holds the baselines.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = Path(named)
    if path.is_dir():
        return candidate_side([path]), False
    if not path.is_file() and "/" not in named:
        path = path_of(results, named.removesuffix(".json"))
    return _of_baseline(read(path))


def _of_baseline(kept: Baseline) -> tuple[Side, bool]:
    return Side(f"baseline {kept.name}", kept.cells, {}), kept.exact


def candidate_side(folders: Sequence[Path], views: bool = True) -> Side:
    """Results folders as one side: the runs of each cell are those of the folders.

    Raises:
        DataError: a folder holds no records, damaged ones, those of another folder, or not the same cells.
    """
    asked: dict[str, Queries] = {}
    cells: list[list[Cell]] = []
    seen: list[tuple[list[RunRecord], Path]] = []
    for folder in folders:
        records = _records(folder)
        twin = next((other for rows, other in seen if rows == records), None)
        if twin is not None:
            problem = f"{folder} and {twin} hold one and the same run, which is no repeat"
            raise DataError(problem, "Run the grid again with a --store and --results of its own.")
        seen.append((records, folder))
        asked |= leaderboard.queried(Results(folder), records)
        cells.append(cells_of(records, views))
    return Side(", ".join(map(str, folders)), repeated(cells), asked)


def commits(folders: Sequence[Path]) -> set[str]:
    """The commits that the records of these folders were made with."""
    rows: list[RunRecord] = [row for folder in folders for row in Results(folder).read()]
    return {row.git for row in rows if row.kind != "imported"}


def _records(folder: Path) -> list[RunRecord]:
    """The records of a folder but imported ones. Raises DataError, naming the folder."""
    try:
        records = [record for record in Results(folder).read() if record.kind != "imported"]
    except DataError as error:
        raise DataError(f"{folder}/records/{error.problem}", error.advice) from None
    if not records:
        raise DataError(f"there are no records in {folder}/records", "Name a folder that harness run wrote.")
    return records
