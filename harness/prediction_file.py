"""The file of predictions: its columns, its rows as text, and errors that name file, line and value."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.types import Ids

COLUMNS = ("query", "rank", "gallery", "identity", "score", "new", "confidence", "probability")
FORM = "docs/import.md describes the file."


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a file, as text; ``frame`` is a pandas table [n], ``line`` [n] the line where each row stands."""

    name: str
    frame: Any
    line: NDArray[np.int64]

    def has(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self.frame.columns

    def refuse(self, bad: NDArray[np.bool_], column: str, problem: str) -> None:
        """Raise for the first bad row [n]."""
        if bad.any():
            row, value = int(np.argmax(bad)), str(self.frame[column].iloc[int(np.argmax(bad))])
            more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
            asked = "" if column == "query" else f" (query {str(self.frame['query'].iloc[row])!r})"
            raise DataError(f"{self.name}, line {self.line[row]}{asked}: {column} {value!r} {problem}{more}", FORM)

    def places(self, column: str, ids: Ids) -> NDArray[np.int64]:
        """Where each row's id stands in ``ids``, -1 where it does not."""
        import pandas

        return np.asarray(pandas.Index(ids.tolist(), dtype=object).get_indexer(self.frame[column].astype(object)))

    def numbers(self, column: str, some: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """The numbers in all or some rows, to the last digit; each must be finite."""
        rows = np.arange(len(self.line)) if some is None else some
        text = self.frame[column].iloc[rows].to_numpy(dtype=object)
        try:
            values = text.astype(np.float64)
        except ValueError:
            values = np.array([_number(value) for value in text], np.float64)
        self.refuse(mask(len(self.line), rows[~np.isfinite(values)]), column, "is no finite number")
        return np.asarray(values, np.float64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def mask(n: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A mask [n] that is true in some rows."""
    true = np.zeros(n, np.bool_)
    true[rows] = True
    return true


def read_rows(path: Path) -> Rows:
    """Read the file as text and check its columns; blank lines are left out.

    Raises:
        DataError: it is missing, empty or no CSV, or a column is unknown or lacking.
    """
    import pandas

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # a row with too many fields
            options: dict[str, Any] = {"dtype": str, "na_filter": False, "skip_blank_lines": False, "index_col": False}
            frame = pandas.read_csv(path, encoding="utf-8-sig", **options).fillna("")  # a short row ends in NaN
    except pandas.errors.EmptyDataError:
        raise DataError(f"{path.name} is empty", FORM) from None
    except (OSError, ValueError, pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        raise DataError(f"cannot read {path.name} as CSV: {error}", FORM) from error
    _check_columns(path.name, list(frame.columns))
    line = np.arange(len(frame), dtype=np.int64) + 2
    full = (frame != "").any(axis=1).to_numpy(dtype=bool)  # a blank line is nothing
    if not full.any():
        raise DataError(f"{path.name} holds no prediction, only its heading", FORM)
    return Rows(path.name, frame if full.all() else frame[full], line[full])


def _check_columns(name: str, columns: list[str]) -> None:
    problems = [f"has an unknown column {column!r}" for column in columns if column not in COLUMNS]
    if "query" not in columns:
        problems.append("lacks the column 'query'")
    if ("gallery" in columns) == ("identity" in columns):
        problems.append("needs one of the columns 'gallery' and 'identity'")
    if "rank" not in columns and "score" not in columns:
        problems.append("needs a column 'rank' or 'score'")
    if "new" not in columns and {"confidence", "probability"} & set(columns):
        problems.append("lacks the column 'new', which goes with 'confidence' and 'probability'")
    if problems:
        raise DataError(f"{name} {problems[0]}", f"Its columns: {', '.join(columns)}. {FORM}")
