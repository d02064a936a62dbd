"""Rows that break a rule, each named by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from guarded import STUDY, Edit, broken, edit, edit_line, put, row, set_recall
from rows import POLICY

from harness import guard
from harness.errors import DataError, StoreError
from harness.record import SCHEMA, pack_flags, pack_hits, parse_record

RECORDS = Path(__file__).parents[1] / "records"


def test_a_healthy_folder_passes_and_its_rows_are_counted(folder: Path) -> None:
    checked = guard.check(folder, None, 20)
    assert checked.findings == []
    assert (checked.rows, checked.before) == (2, None)


def test_an_empty_folder_passes_and_a_missing_one_does_not(tmp_path: Path) -> None:
    assert broken(tmp_path) == []
    with pytest.raises(DataError, match="there is no folder") as caught:
        guard.check(tmp_path / "nowhere", None, 20)
    assert caught.value.advice


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_row_of_every_schema_is_still_read(schema: int) -> None:
    (line,) = (RECORDS / f"schema-{schema}.jsonl").read_text(encoding="utf-8").splitlines()
    read = parse_record(line, "here")
    assert json.loads(line)["schema_number"] == read.schema_number == schema
    assert read.metrics["R-1"].n > 0
    assert bool(read.first_hits) == (schema > 1)
    assert bool(read.ranking) == (schema > 2)


def test_every_damaged_line_is_named_and_the_others_are_still_checked(folder: Path) -> None:
    path = folder / STUDY
    path.write_text(f'{{"cell": 1}}\n\n{path.read_text()}no json\n')
    edit_line(path, 3, lambda fields: fields.update(git="dirty"))
    assert broken(folder) == [("record", f"{STUDY}:1"), ("record", f"{STUDY}:5"), ("commit", f"{STUDY}:3")]


def test_a_damaged_line_is_told_by_its_field_and_not_by_its_place_again(folder: Path) -> None:
    edit_line(folder / STUDY, 1, lambda fields: fields.update(seed="x"))
    found = guard.check(folder, None, 20).findings[0]
    assert (found.rule, found.where) == ("record", f"{STUDY}:1")
    assert found.problem.startswith("seed: ")


def test_rows_that_cannot_be_read_at_all_are_told_with_their_file(folder: Path) -> None:
    (folder / "records" / "odd.jsonl").mkdir()
    with pytest.raises(StoreError, match=f"results folder at {folder / 'records' / 'odd.jsonl'}") as caught:
        guard.check(folder, None, 20)
    assert "--results" in caught.value.advice


@pytest.mark.parametrize(
    ("change", "rule", "told"),
    [
        (lambda f: f.update(git=""), "commit", "git is ''"),
        (lambda f: f.update(git="c" * 40 + "+changes"), "commit", "no clean commit"),
        (lambda f: f.update(git="C" * 40), "commit", "no clean commit"),
        (lambda f: f.update(schema_number=SCHEMA + 1), "record", "a row of schema"),
        (lambda f: f.update(colour="red"), "record", "colour"),
        (lambda f: set_recall(f, "R-1", value=0.5), "outcomes", "first_hits give 0.33"),
        (lambda f: set_recall(f, "R-1", value=1 / 3 + 1e-8), "outcomes", "R-1 is"),
        (lambda f: set_recall(f, "R-1", n=4), "outcomes", "of n 4"),
        (lambda f: set_recall(f, "R-1", value=None), "outcomes", "R-1 is None"),
        (lambda f: set_recall(f, "R-5", value=1 / 3), "outcomes", "R-5 is"),
        (lambda f: f["metrics"].pop("R-1"), "outcomes", "has no R-1"),
        (lambda f: f.update(first_hits="", schema_number=2), "outcomes", "has no first_hits"),
        (lambda f: f.update(first_hits="damaged"), "outcomes", "first_hits cannot be read"),
        (
            lambda f: f.update(first_hits=pack_hits(np.array([1, 0, 2]))),
            "outcomes",
            "3 outcomes, and its protocol has 4",
        ),
        (lambda f: f.update(first_hits=pack_hits(np.array([1, 0, 2, 101]))), "outcomes", "has 100 places"),
        (lambda f: f.update(first_hits=pack_hits(np.array([1, -1, 2, 0]))), "outcomes", "from -1"),
        (lambda f: f.update(said_known=pack_flags(np.ones(3))), "outcomes", "and 3 decisions"),
        (lambda f: f.update(protocol_fields={**POLICY, "level": "identity"}), "protocol", "protocol_fields differ"),
        (lambda f: f.update(protocol="official"), "file name", "official-aaaaaaaaaaaa"),
        (lambda f: f.update(settings={"data": {"root": "/data"}}), "path", "settings.data.root"),
        (lambda f: f.update(settings={"/home/me/a": 1}), "path", "settings holds"),
        (lambda f: f.update(dataset="folder[root=/data]"), "path", "dataset holds"),
        (lambda f: f.update(backbone="timm[weights=/srv/nets/a.pt]"), "path", "backbone"),
        (lambda f: f.update(reason="cannot open '/home/me/x.jpg'"), "path", "reason"),
        (lambda f: f.update(reason="cannot open file:///x"), "path", "reason"),
        (lambda f: f.update(history=[], settings={"a": ["x", "C:\\photos\\a"]}), "path", "settings.a"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named_by_file_and_line(folder: Path, change: Edit, rule: str, told: str) -> None:
    path = folder / STUDY
    edit_line(path, 2 if rule in ("protocol", "file name") else 1, change)  # the first row stands for its protocol
    found = [f for f in guard.check(folder, None, 20).findings if f.rule not in ("leaderboard", "unknown file")]
    assert {f.rule for f in found} == {rule}
    assert any(f.problem.startswith(told) or f" {told}" in f.problem for f in found)
    assert all(f.where.startswith(f"{STUDY}:") and f.advice for f in found)


def test_a_shortlist_of_no_length_is_named(folder: Path) -> None:
    for cell in ("one", "two"):
        edit(folder, lambda fields: fields["protocol_fields"].update(shortlist="x"), cell)
    assert broken(folder) == [("outcomes", f"{STUDY}:1"), ("outcomes", f"{STUDY}:2")]


@pytest.mark.parametrize(
    "text",
    ["either/or", "n / k", "https://example.org/a/b", "timm[weights=nets/a.pt@2c2f582c]", "1/2/3", "R-1: 3/4 of a/b/c"],
)
def test_what_is_no_absolute_path_passes(folder: Path, text: str) -> None:
    edit(folder, lambda fields: fields.update(reason=text))
    assert broken(folder) == []


def test_a_cell_that_stands_twice_is_named_with_both_places(folder: Path) -> None:
    path = folder / STUDY
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    (found,) = [f for f in guard.check(folder, None, 20).findings if f.rule == "duplicate"]
    assert found.where == f"{STUDY}:3"
    assert found.problem == f"cell one of protocol {'a' * 12} stands in {STUDY}:1 too"
    assert found.advice


def test_a_row_that_did_not_run_and_one_of_chance_and_one_of_schema_one_need_no_outcomes(folder: Path) -> None:
    bare = {"first_hits": "", "metrics": {}}
    put(
        folder,
        row("failed", status="failed", reason="no", **bare),
        row("chance", kind="reference", backbone="chance", first_hits="", fusion="none"),
        row("old", schema_number=1, first_hits="", loss="none"),
    )
    assert broken(folder) == []
