"""``harness report`` as a user types it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Harness = Callable[..., subprocess.CompletedProcess[str]]


def test_without_records_it_says_how_to_make_some(harness: Harness, tmp_path: Path) -> None:
    done = harness("report", check=False)
    assert done.returncode == 1
    assert "there are no records" in done.stderr
    assert "harness run --grid" in done.stderr
    assert not (tmp_path / "report").exists()


def test_a_folder_that_is_no_report_stays(harness: Harness, small_grid: Path, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "mine.txt").write_text("x")
    done = harness("report", check=False)
    assert done.returncode == 1
    assert "holds no report" in done.stderr
    assert (tmp_path / "report" / "mine.txt").read_text() == "x"


@pytest.mark.slow
def test_a_run_is_shown_and_shown_again(harness: Harness, small_grid: Path, tmp_path: Path) -> None:
    harness("run", "--grid", small_grid, "--quiet")
    told = json.loads(harness("report", "--json").stdout)
    start = tmp_path / "report" / "index.html"
    assert told["index"] == str(start)
    assert told["notes"] == []
    assert told["photographs"] > 0
    assert told["biggest"][1] < 10e6
    assert "official on synthetic-herd" in start.read_text()
    again = harness("report", "--no-photographs", "--out", tmp_path / "report")
    assert again.stdout.strip() == str(start)
    assert "0 photographs" in again.stderr
    assert not (tmp_path / "report" / "photos").exists()


@pytest.mark.slow
def test_records_alone_are_shown_and_the_rest_is_told(harness: Harness, small_grid: Path, tmp_path: Path) -> None:
    harness("run", "--grid", small_grid, "--quiet")
    done = harness("report", HARNESS_STORE=str(tmp_path / "other"))
    assert "this store has nothing of these rows" in done.stderr
    assert "this store has nothing of these rows" in (tmp_path / "report" / "index.html").read_text()
    assert not list((tmp_path / "report").glob("*/queries-*.html"))
    assert list((tmp_path / "report").glob("*/row-*.html"))
