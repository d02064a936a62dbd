"""The image table refuses what would spoil a benchmark, and names the row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import DataError, ImageTable


def table(n: int = 4, **columns: Any) -> ImageTable:
    """A good table of ``n`` rows, with some columns replaced."""
    good: dict[str, Any] = {
        "image_id": [f"id{i}" for i in range(n)],
        "path": [f"a/{i}.jpg" for i in range(n)],
        "identity": ["Ann", "Ann", "Bob", "Bob"][:n],
    }
    return ImageTable(root=Path("/data"), **(good | columns))


def refused(**columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        table(**columns)
    return str(caught.value)


def test_columns_that_are_not_given_are_empty() -> None:
    made = table()
    assert len(made) == 4
    for name in ("species", "dataset", "role", "split", "orientation", "group", "mask", "digest"):
        assert getattr(made, name).tolist() == [""] * 4
    assert made.known.tolist() == [False] * 4


def test_a_table_of_nothing() -> None:
    assert len(table(0)) == 0
    assert len(table().having("query")) == 0


@pytest.mark.parametrize("column", ["path", "identity", "species", "mask", "known"])
def test_unequal_lengths(column: str) -> None:
    message = refused(**{column: ["x", "y", "z"] if column != "known" else [True] * 3})
    assert f"column {column!r} has 3 rows, image_id has 4" in message


def test_duplicate_image_id_is_named() -> None:
    message = refused(image_id=["a", "twice", "b", "twice"])
    assert "duplicate image_id" in message
    assert "'twice'" in message


@pytest.mark.parametrize(
    "columns", [{"image_id": ["a", "twice", "b", "twice"]}, {"identity": ["Ann", "", "Bob", "Bob"]}]
)
def test_messages_are_for_people(columns: dict[str, list[str]]) -> None:
    assert "np.str_" not in refused(**columns)


def test_a_row_without_identity_is_named() -> None:
    message = refused(identity=["Ann", "Ann", "", ""])
    for part in ("row 2", "'id2'", "'a/2.jpg'", "no identity", "2 such rows"):
        assert part in message


def test_a_row_without_path_is_named() -> None:
    message = refused(path=["a", "", "b", "c"])
    assert "row 1" in message
    assert "has no path" in message


def test_an_unknown_role_is_named() -> None:
    message = refused(role=["train", "query", "probe", ""])
    for part in ("row 2", "train, validation, gallery, query"):
        assert part in message


@pytest.mark.parametrize("bad", ["/etc/passwd", "../x.jpg", "a/../../x.jpg", "a\\..\\..\\x.jpg", "C:\\x.jpg"])
@pytest.mark.parametrize("column", ["path", "mask"])
def test_a_path_outside_the_root_is_named(column: str, bad: str) -> None:
    message = refused(**{column: ["a", "b", "c", bad]})
    for part in ("row 3", "'id3'", f"{column} outside the data set's folder"):
        assert part in message


@pytest.mark.parametrize("fine", ["a..b/c.jpg", "...jpg", "Zoë/1 (2).jpg", "<b>/x.jpg", "a/./b.jpg"])
def test_odd_names_are_fine(fine: str) -> None:
    assert table(path=["x", "y", "z", fine]).path[3] == fine


@pytest.mark.parametrize("other", ["train", "validation", "gallery"])
def test_a_query_in_its_own_gallery(other: str) -> None:
    path = ["same.jpg", "b.jpg", "same.jpg", "c.jpg"]
    message = refused(path=path, role=[other, "train", "query", "query"])
    assert "row 2" in message
    assert "own file is in the gallery" in message
    assert len(table(path=path, role=["query", "train", "query", "train"])) == 4


def test_select_keeps_columns_together_and_in_order() -> None:
    made = table(role=["train", "query", "train", "query"], known=[False, True, False, False], species=list("wxyz"))
    for rows in ([3, 1], np.array([3, 1])):
        chosen = made.select(rows)
        assert chosen.image_id.tolist() == ["id3", "id1"]
        assert chosen.species.tolist() == ["z", "x"]
        assert chosen.known.tolist() == [False, True]
    assert made.select(made.known).image_id.tolist() == ["id1"]
    assert made.having("query").image_id.tolist() == ["id1", "id3"]
    assert len(made.having("query", "train")) == 4


def test_changed_columns_are_checked_again() -> None:
    made = table()
    changed = made.with_columns(identity=["x"] * 4)
    assert set(changed.identity) == {"x"}
    assert set(made.identity) == {"Ann", "Bob"}, "the old table stays as it was"
    with pytest.raises(DataError, match="duplicate image_id"):
        made.with_columns(image_id=["a"] * 4)
    with pytest.raises(DataError, match="duplicate image_id"):
        made.select([0, 0])


def test_a_table_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        table().identity = np.array(["x"] * 4)  # type: ignore[misc]
