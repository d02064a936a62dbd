"""The results folder: rows replaced whole, by several processes, and damage named by file and line."""

from __future__ import annotations

import errno
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rows import metric, record

from harness.errors import DataError, StoreError
from harness.results import Batch, Queries, Results

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


def files(results: Results) -> list[Path]:
    return sorted((results.root / "records").glob("*.jsonl"))


def test_an_empty_folder_has_no_records(results: Results) -> None:
    assert results.read() == []
    results.add([])
    assert not results.root.exists()


def test_one_file_a_protocol(results: Results) -> None:
    rows = [record("a"), record("b", protocol_hash="b" * 64), record("c"), record("d", protocol="official")]
    results.add(rows)
    assert [p.name for p in files(results)] == [
        f"official-{'a' * 12}.jsonl",
        f"study-{'a' * 12}.jsonl",
        f"study-{'b' * 12}.jsonl",
    ]
    assert sorted(row.cell for row in results.read()) == ["a", "b", "c", "d"]


def test_a_cell_that_ran_again_takes_its_old_place(results: Results) -> None:
    results.add([record("a"), record("b"), record("c")])
    results.add([record("b", status="failed", reason="no", metrics={}), record("d")])
    assert [(row.cell, row.status) for row in results.read()] == [
        ("a", "ok"),
        ("b", "failed"),
        ("c", "ok"),
        ("d", "ok"),
    ]
    results.add([record("b", protocol_hash="b" * 64)])  # the same cell under another protocol is another row
    assert len(results.read()) == 5


def test_a_row_is_one_line_whatever_its_reason_holds(results: Results) -> None:
    odd = "a\nb\r\nc\u2028d\u2029e\x85f\x0bg\x1ch 'ä' 象"
    results.add([record("a", reason=odd), record("b")])
    (path,) = files(results)
    assert path.read_bytes().count(b"\n") == 2
    assert [row.reason for row in results.read()] == [odd, ""]


@pytest.mark.parametrize("line", ['{"cell": ', '{"cell": "x"}', "\udcff"])
def test_a_damaged_line_is_named_by_file_and_number_and_the_file_is_left_alone(results: Results, line: str) -> None:
    results.add([record("a"), record("b")])
    (path,) = files(results)
    with path.open("ab") as file:
        file.write(b"\n" + line.encode("utf-8", "surrogateescape") + b"\n")
    before = path.read_bytes()
    for action in (results.read, lambda: results.add([record("c")])):
        with pytest.raises(DataError, match=f"{path.name}:4: "):
            action()
    assert path.read_bytes() == before


def test_an_unknown_field_is_refused(results: Results) -> None:
    results.add([record("a")])
    (path,) = files(results)
    path.write_text(path.read_text().replace('"grid":', '"colour":"red","grid":'))
    with pytest.raises(DataError, match=r"study-a+\.jsonl:1: colour: Extra inputs"):
        results.read()


def add_many(root: Path, name: str) -> None:
    for number in range(25):
        Results(root).add([record(f"{name}{number}"), record("shared", seed=number)])


def test_two_processes_that_add_rows_lose_none(results: Results) -> None:
    both = [SPAWN.Process(target=add_many, args=(results.root, name)) for name in ("a", "b")]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
        assert process.exitcode == 0
    wanted = {f"{name}{number}" for name in ("a", "b") for number in range(25)} | {"shared"}
    cells = [row.cell for row in results.read()]
    assert set(cells) == wanted
    assert len(cells) == len(wanted)


def test_a_full_disk_is_explained_and_keeps_what_was_there(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    results.add([record("a")])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for action in (lambda: results.add([record("b")]), lambda: results.write("leaderboard.md", "text")):
            with pytest.raises(StoreError, match="results folder") as caught:
                action()
            assert "--results" in caught.value.advice
    assert [row.cell for row in results.read()] == ["a"]
    visible = [path.name for path in results.root.rglob("*") if path.is_file() and not path.name.startswith(".lock")]
    assert visible == [files(results)[0].name]


def test_generated_files_are_written_whole(results: Results) -> None:
    results.write("leaderboard.md", "one")
    path = results.write("leaderboard.md", "two ä")
    assert path.read_text(encoding="utf-8") == "two ä"
    assert [p.name for p in results.root.iterdir()] == ["leaderboard.md"]


def test_metrics_come_back_exactly(results: Results) -> None:
    value = 1 / 3
    results.add([record("a", metrics={"R-1": metric(value)})])
    assert results.read()[0].metrics["R-1"].value == value


def asked(*names: str) -> Queries:
    n = len(names)
    return Queries(
        np.array(names), np.array([f"owner of {name}" for name in names]), np.arange(n) % 2 == 0, np.arange(n) > 1
    )


def test_the_queries_of_a_protocol_are_kept_once_and_read_back(results: Results) -> None:
    made = asked("a", 'b, "quoted"', "c\nd")
    results.add_queries(record(), made)
    results.add_queries(record(), asked("other"))
    read = results.queries(record())
    assert read is not None
    assert read.image_id.tolist() == made.image_id.tolist()
    assert read.identity.tolist() == made.identity.tolist()
    assert read.known.tolist() == [True, False, True]
    assert read.leaked.tolist() == [False, False, True]
    assert results.queries(record(protocol_hash="b" * 64)) is None


def test_queries_from_before_their_species_were_kept_make_room(results: Results) -> None:
    old = asked("a", "b", "c")
    results.add_queries(record(), old)
    read = results.queries(record())
    assert read is not None
    assert read.dataset is read.species is None
    names = np.array(["x, y", "", "z"])
    for new in (replace(old, dataset=names, species=names[::-1]), old):  # what is there is not lost again
        results.add_queries(record(), new)
        read = results.queries(record())
        assert read is not None
        assert read.dataset is not None
        assert read.species is not None
        assert read.dataset.tolist() == names.tolist()
        assert read.species.tolist() == names[::-1].tolist()
        assert read.known.tolist() == [True, False, True]
    assert len(list((results.root / "queries").glob("*.csv"))) == 1


@pytest.mark.parametrize("content", [b"", b"image_id,identity,known,leaked\n", b"\xff\xfe\x00", None])
def test_changed_queries_are_named(results: Results, content: bytes | None) -> None:
    results.add_queries(record(), asked("a", "b", "c"))
    (path,) = (results.root / "queries").glob("*.csv")
    head, *rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *rows[::-1]]) if content is None else content)  # rows in another order, too
    for action in (lambda: results.queries(record()), lambda: results.add_queries(record(), asked("a"))):
        with pytest.raises(DataError, match=path.name):
            action()


def test_rows_of_a_batch_are_written_in_time_and_whatever_ends_it(results: Results) -> None:
    def interrupted() -> None:
        with Batch(results, every=3600) as batch:
            batch.add(record("a"))
            batch.add(record("b"))
            assert results.read() == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [row.cell for row in results.read()] == ["a", "b"]
    with Batch(results, every=0) as batch:
        batch.add(record("c"))
        assert [row.cell for row in results.read()] == ["a", "b", "c"]
