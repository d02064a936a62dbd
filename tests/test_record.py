"""The run record: what it refuses, and what it never holds."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from rows import metric, record
from support import BACKBONE, HERD

from harness.errors import DataError
from harness.record import SCHEMA, Metric, RunRecord, pack_hits, parse_record, unpack_hits


def test_a_record_survives_the_way_through_json() -> None:
    made = record(history=({"loss": 1.5, "R-1": 0.25},), reason='quote " and \u2028 line', settings={"a": [1, None]})
    assert parse_record(made.model_dump_json(), "here") == made
    assert json.loads(made.model_dump_json())["schema_number"] == SCHEMA


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"status": "maybe"}, "status: Input should be 'ok', 'skipped' or 'failed'"),
        ({"schema_number": SCHEMA + 1}, f"a row of schema {SCHEMA + 1}, and this harness reads up to {SCHEMA}"),
        ({"schema_number": 0}, "schema_number"),
        ({"seed": "many"}, "seed"),
        ({"metrics": {"R-1": {"value": 0.5}}}, "metrics.R-1.n: Field required"),
        ({"metrics": {"R-1": {"value": 0.5, "n": -1}}}, "metrics.R-1.n"),
        ({"metrics": {"R-1": {"value": 0.5, "n": 1, "median": 0.5}}}, "metrics.R-1.median: Extra"),
        ({"backbone": None}, "backbone"),
    ],
)
def test_a_row_that_is_no_record_names_place_and_field(change: dict[str, Any], told: str) -> None:
    row = {**record().model_dump(mode="json"), **change}
    with pytest.raises(DataError) as caught:
        parse_record(json.dumps(row), "study.jsonl:7")
    assert caught.value.problem.startswith("study.jsonl:7: ")
    assert told in caught.value.problem


@pytest.mark.parametrize("line", ["", "{", "[]", '"text"', '{"cell": "c"}', b"\xff\xfe"])
def test_a_damaged_line_is_an_error_that_names_it(line: str | bytes) -> None:
    with pytest.raises(DataError, match=r"study\.jsonl:7"):
        parse_record(line, "study.jsonl:7")


def test_a_required_field_may_not_be_left_out() -> None:
    row = record().model_dump(mode="json")
    del row["protocol_hash"]
    with pytest.raises(DataError, match="protocol_hash: Field required"):
        parse_record(json.dumps(row), "x:1")


def test_numbers_are_finite_and_records_do_not_change() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            Metric(value=number, n=1)
        with pytest.raises(ValidationError):
            record(seconds={"train": number})
    with pytest.raises(ValidationError, match="frozen"):
        record().status = "failed"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        metric(0.5).value = 1.0  # type: ignore[misc]


def test_the_schema_lists_every_field_with_its_type() -> None:
    schema = RunRecord.model_json_schema()
    assert set(schema["required"]) == {
        *("cell", "grid", "protocol", "protocol_hash", "protocol_fields", "dataset"),
        *("backbone", "loss", "matcher", "fusion", "openset", "seed", "status"),
    }
    assert schema["additionalProperties"] is False


@pytest.mark.slow
def test_a_record_of_the_runner_holds_no_path_and_no_host(tmp_path: Path) -> None:
    from harness import grid, runner
    from harness.data import load
    from harness.pipeline import Pipeline
    from harness.progress import Quiet
    from harness.registry import Registry
    from harness.store import Store

    weights = tmp_path / "net.pt"
    weights.write_bytes(b"damaged")
    ok = {"backbone": BACKBONE}
    failing = {"backbone": f"timm[model=resnet10t,weights={weights},size=32]"}
    skipped = {"backbone": BACKBONE, "matcher": "mutual-nn[max_keypoints=8]", "fusion": "none"}
    protocol = {"dataset": HERD, "ks": [1, 5], "shortlist": 5}
    cells = grid.expand({"protocol": protocol, "axes": [ok, failing, skipped]}, Registry.load())
    store = Store(tmp_path / "store")
    data = load(cells.dataset, cells.protocol, store, Quiet())
    pipeline = Pipeline(store, data, "cpu", Quiet(), lambda **facts: None)
    ended = list(runner.run(cells, data, pipeline))
    assert [cell.record.status for cell in ended] == ["ok", "failed", "skipped"]
    for cell in ended:
        text = cell.record.model_dump_json()
        assert parse_record(text, "x:1") == cell.record
        assert str(tmp_path) not in text
        assert f"{Path.home()}/" not in text
        assert socket.gethostname() not in text
        assert re.search(r'["\s@=](/[\w.-]+){2,}', text) is None


def test_first_hits_come_back_in_order() -> None:
    hits = np.array([0, 1, 100, 0, 7, 32_000])
    assert unpack_hits(pack_hits(hits)).tolist() == hits.tolist()
    assert unpack_hits(pack_hits(np.empty(0, np.int64))).tolist() == []
    assert len(pack_hits(np.random.default_rng(0).integers(0, 101, 30_000))) < 50_000


@pytest.mark.parametrize("text", ["not base64", "AAAA", pack_hits(np.arange(50))[:-8]])
def test_damaged_hits_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="first_hits"):
        unpack_hits(text)


def test_a_row_of_the_first_format_is_still_read() -> None:
    old = record().model_dump(mode="json", exclude={"kind", "views", "first_hits", "contamination"})
    read = parse_record(json.dumps({**old, "schema_number": 1}), "here")
    assert (read.schema_number, read.kind, read.first_hits, read.views) == (1, "cell", "", {})
