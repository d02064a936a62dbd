"""The results that are kept with the code: readable, without paths, and equal to the tables beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import leaderboard
from harness.record import unpack_hits
from harness.results import Results

FOLDER = Path(__file__).resolve().parents[1] / "results"


def test_the_leaderboards_are_what_the_records_give() -> None:
    results = Results(FOLDER)
    records = results.read()
    assert records
    queried = leaderboard.queried(results, records)
    assert (FOLDER / "leaderboard.md").read_text(encoding="utf-8") == leaderboard.markdown(records, queried)
    assert (FOLDER / "leaderboard.csv").read_text(encoding="utf-8") == leaderboard.comma_separated(records)


def test_records_hold_no_path_and_a_clean_commit() -> None:
    for record in Results(FOLDER).read():
        assert re.search(r'"/(?:\w+/)+', record.model_dump_json()) is None
        assert re.fullmatch(r"[0-9a-f]{40}", record.git)


def test_a_cell_stands_once_under_a_protocol() -> None:
    keys = [(record.protocol_hash, record.cell) for record in Results(FOLDER).read()]
    assert len(keys) == len(set(keys))


def test_every_row_that_ran_answers_all_queries_of_its_protocol() -> None:
    results = Results(FOLDER)
    records = results.read()
    queried = leaderboard.queried(results, records)
    for record in records:
        if record.status == "ok" and record.backbone != "chance":
            asked = queried[record.protocol_hash]
            hits = unpack_hits(record.first_hits)
            assert len(hits) == len(asked)
            assert record.metrics["R-1"].value == pytest.approx((hits[asked.known] == 1).mean())
