"""The file of predictions is read as text, and what is wrong with it is named by file, line and value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.prediction_file import COLUMNS, mask, read_rows

HEAD = "query,rank,gallery\n"


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "foreign.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_ids_stay_text_and_blank_lines_count_but_are_left_out(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "\ufeff" + HEAD + '007,1,NA\n\nnull,1,"a,b"\n\n'))
    assert rows.frame["query"].tolist() == ["007", "null"]
    assert rows.frame["gallery"].tolist() == ["NA", "a,b"]
    assert rows.line.tolist() == [2, 4]
    assert rows.has("rank")
    assert not rows.has("score")


def test_an_error_names_file_line_query_and_value(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, HEAD + "q1,1,a\n\nq2,1,b\nq3,1,c\n"))
    with pytest.raises(DataError, match=r"^foreign\.csv, line 4 \(query 'q2'\): gallery 'b' is odd \(2 such rows\)"):
        rows.refuse(np.array([False, True, True]), "gallery", "is odd")
    with pytest.raises(DataError, match=r"line 5: query 'q3' is odd\n"):
        rows.refuse(np.array([False, False, True]), "query", "is odd")
    rows.refuse(np.zeros(3, bool), "query", "is odd")


def test_numbers_are_read_to_the_last_digit(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 5e-324, -1.7976931348623157e308, 12345678901234567.0]
    lines = "".join(f"q,{value!r},g\n" for value in values)
    assert read_rows(written(tmp_path, HEAD + lines)).numbers("rank").tolist() == values


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "", "x", "1,5", "0x10"])
def test_what_is_no_finite_number_is_refused(tmp_path: Path, word: str) -> None:
    rows = read_rows(written(tmp_path, HEAD + f'q1,1,g\nq2,"{word}",g\n'))
    with pytest.raises(DataError, match=rf"line 3 \(query 'q2'\): rank '{word}' is no finite number"):
        rows.numbers("rank")
    assert rows.numbers("rank", np.array([0])).tolist() == [1.0]


def test_places_of_ids(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, HEAD + "q1,1,b\nq2,1,z\nq3,1,a\n"))
    assert rows.places("gallery", np.array(["a", "b"])).tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "foreign.csv is empty"),
        (HEAD, "holds no prediction"),
        (HEAD + "\n\n", "holds no prediction"),
        (HEAD + "q1,1,g,9\n", "as CSV"),
        (HEAD + "q1,1,g\nq1,2,h,9\n", "as CSV"),
        (HEAD + 'q1,1,"g\n', "as CSV"),
        (b"query,rank,gallery\nq\xff,1,g\n", "as CSV"),
        ("rank,gallery\n1,g\n", "lacks the column 'query'"),
        ("query,rank\nq,1\n", "one of the columns 'gallery' and 'identity'"),
        ("query,rank,gallery,identity\nq,1,g,i\n", "one of the columns 'gallery' and 'identity'"),
        ("query,gallery\nq,g\n", "needs a column 'rank' or 'score'"),
        ("query,rank,gallery,scroe\nq,1,g,1\n", "unknown column 'scroe'"),
        ("query,rank,gallery,rank\nq,1,g,1\n", "unknown column 'rank.1'"),
        ("query,rank,gallery,confidence\nq,1,g,1\n", "lacks the column 'new'"),
        ("query,rank,gallery,probability\nq,1,g,1\n", "lacks the column 'new'"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read_rows(written(tmp_path, text))
    assert problem in str(caught.value)
    assert "foreign.csv" in str(caught.value)
    assert "docs/import.md" in caught.value.advice


def test_a_short_row_has_empty_fields(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path, HEAD + "q1,1\n")).frame["gallery"].tolist() == [""]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read foreign\.csv"):
        read_rows(tmp_path / "foreign.csv")


def test_a_mask_and_every_documented_column() -> None:
    assert mask(4, np.array([1, 3])).tolist() == [False, True, False, True]
    form = (Path(__file__).resolve().parents[1] / "docs" / "import.md").read_text(encoding="utf-8")
    assert all(f"`{column}`" in form for column in COLUMNS)
