"""The submission holds every query once, in the scorer's order, in the challenge's words."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from harness.animalclef import ordered, submission, write_submission
from harness.answers import Decisions
from harness.errors import DataError, StoreError
from harness.table import ImageTable
from harness.types import NEW


def table(*ids: str) -> ImageTable:
    """Query rows."""
    n = len(ids)
    return ImageTable(Path(), np.array(ids), np.array([f"{i}.png" for i in range(n)]), np.full(n, "somebody"))


def decisions(**answers: str) -> Decisions:
    """Answers by query id."""
    sure = np.linspace(0, 1, len(answers))
    return Decisions(np.array(list(answers), dtype=np.str_), np.array(list(answers.values()), np.str_), sure, sure)


def test_the_text_by_hand() -> None:
    answered = decisions(**{"10": "LynxID2025_lynx_37", "9": NEW, "2": "SeaTurtleID2022_t004"})
    assert submission(table("9", "10", "2"), answered) == (
        "image_id,identity\n2,SeaTurtleID2022_t004\n9,new_individual\n10,LynxID2025_lynx_37\n"
    )


def test_the_scorer_of_the_challenge_would_accept_it() -> None:
    pandas = pytest.importorskip("pandas")
    ids = [str(i) for i in range(3, 130)]
    answered = decisions(**{name: NEW if int(name) % 3 else f"LynxID2025_{name}" for name in reversed(ids)})
    read = pandas.read_csv(io.StringIO(submission(table(*ids), answered)))
    assert list(read.columns) == ["image_id", "identity"]
    assert np.array_equal(read["image_id"], np.arange(3, 130)), "the same ids in the order of the solution"
    assert pandas.api.types.is_string_dtype(read["identity"])
    assert (read["identity"] == "new_individual").sum() == sum(int(name) % 3 > 0 for name in ids)


def test_commas_quotes_and_line_breaks_survive() -> None:
    wild = {"a,b": 'the "old" one', "c\nd": "x, y", "é": " spaced "}
    rows = list(csv.reader(io.StringIO(submission(table(*wild), decisions(**wild)))))
    assert dict(map(tuple, rows[1:])) == wild  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["10", "9", "100"], ["9", "10", "100"]),
        (["10", "9", "b1"], ["10", "9", "b1"]),
        (["07", "7", "1"], ["1", "07", "7"]),
        (["²", "1"], ["1", "²"]),
        (["-2", "-10"], ["-10", "-2"]),
    ],
)
def test_numbers_are_ordered_as_numbers_and_names_as_text(ids: list[str], expected: list[str]) -> None:
    assert ordered(ids) == expected
    assert ordered(ids[::-1]) == expected


def test_a_query_without_a_decision_is_named() -> None:
    with pytest.raises(DataError, match=r"2 of 3 queries have no decision \(first: 'b'\)"):
        submission(table("a", "b", "c"), decisions(a="x"))


def test_a_decision_about_another_image_is_named() -> None:
    with pytest.raises(DataError, match="'z', which is no query"):
        submission(table("a"), decisions(a="x", z="y"))


def test_an_individual_may_not_bear_the_word_for_new() -> None:
    with pytest.raises(DataError, match="'a' is answered with an individual called 'new_individual'"):
        submission(table("a"), decisions(a="new_individual"))


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, table("a"), decisions(a="ï"))
    assert path.read_bytes() == "image_id,identity\na,ï\n".encode()
    with pytest.raises(DataError):
        write_submission(path, table("a", "b"), decisions(a="x"))
    assert [p.name for p in tmp_path.iterdir()] == ["submission.csv"]
    assert "ï" in path.read_text(encoding="utf-8")
    with pytest.raises(StoreError, match="submission"):
        write_submission(tmp_path / "no" / "folder.csv", table("a"), decisions(a="x"))
