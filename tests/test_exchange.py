"""Import and export as a user runs them: a round trip gives the row that it came from."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = Callable[..., list[dict[str, Any]]]

pytestmark = pytest.mark.slow
ONE = ("--only", "loss=none", "--only", "matcher=mutual-nn")


def test_what_was_exported_comes_back_as_an_equal_row(
    harness: Run, rows: Rows, small_grid: Path, tmp_path: Path
) -> None:
    (ours,) = rows("run", "--grid", small_grid, *ONE)
    harness("export", "--grid", small_grid, *ONE, "--predictions", "ours.csv", "--animalclef", "submission.csv")
    (theirs,) = rows("import", "ours.csv", "--name", "a <foreign> system", "--grid", small_grid)
    assert (theirs["kind"], theirs["backbone"], theirs["openset"]) == ("imported", "a <foreign> system", "imported")
    assert theirs["metrics"] == ours["metrics"]
    assert theirs["protocol_hash"] == ours["protocol_hash"]
    table = (tmp_path / "results" / "leaderboard.md").read_text()
    assert "| a &lt;foreign> system |" in table
    assert "| chance |" in table

    with (tmp_path / "submission.csv").open(newline="") as file:
        submitted = list(csv.DictReader(file))
    assert len(submitted) == ours["counts"]["n_query"]
    said_new = sum(row["identity"] == "new_individual" for row in submitted)
    assert 0 <= said_new <= len(submitted)


def test_a_list_of_individuals_claims_nothing_about_images(
    harness: Run, rows: Rows, small_grid: Path, tmp_path: Path
) -> None:
    harness(
        "export", "--grid", small_grid, "--only", "loss=none", "--only", "matcher=none", "--predictions", "ours.csv"
    )
    import json

    queries = json.loads(harness("data", "show", "--json", *_dataset(small_grid)).stdout)
    with (tmp_path / "ours.csv").open(newline="") as file:
        asked = list(dict.fromkeys(row["query"] for row in csv.DictReader(file)))
    assert len(asked) == queries["n_query"]
    with (tmp_path / "theirs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "rank", "identity"])
        writer.writerows([name, 1, _anybody(tmp_path)] for name in asked)
    (row,) = rows("import", "theirs.csv", "--name", "by name", "--grid", small_grid)
    assert "R-1" in row["metrics"]
    assert not {"R-5", "mAP@10", "MAP@R", "BAKS"} & set(row["metrics"])
    assert "R-5" in row["views"]["level=identity"]


def _dataset(grid: Path) -> list[str]:
    import tomllib

    protocol = tomllib.loads(grid.read_text())["protocol"]
    sets = [f"protocol.{name}={value}" for name, value in protocol.items() if name != "dataset"]
    return [protocol["dataset"], *(word for text in sets for word in ("--set", text))]


def _anybody(tmp_path: Path) -> str:
    """An individual that is in the gallery: the one that the majority row answers is not told, so ask the metadata."""
    (path,) = (tmp_path / "store" / "datasets").glob("synthetic-herd-*/metadata.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    column = "identity" if "identity" in rows[0] else "individual"
    return next(row[column] for row in rows if row["split"] == "train")


def test_a_bad_file_is_named_with_its_line(harness: Run, small_grid: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("query,rank,gallery\nnobody,1,nothing\n")
    done = harness("import", "bad.csv", "--name", "bad", "--grid", small_grid, check=False)
    assert done.returncode == 1
    assert "bad.csv" in done.stderr
    assert "nobody" in done.stderr
    assert not list((tmp_path / "results" / "records").glob("*.jsonl"))


def test_an_export_is_of_one_cell(harness: Run, small_grid: Path) -> None:
    done = harness("export", "--grid", small_grid, "--predictions", "x.csv", check=False)
    assert done.returncode == 1
    assert "4 cells" in done.stderr


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\x1b[31mred", "chance", "majority"])
def test_a_name_that_would_not_stand_in_a_table_is_refused(name: str) -> None:
    from click.testing import CliRunner

    from harness.cli import main

    done = CliRunner().invoke(main, ["import", "any.csv", "--name", name])
    assert done.exit_code == 2
    assert "--name" in done.stderr
