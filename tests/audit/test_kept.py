"""Background audits in the results folder: read back as they were, and a damaged one named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.audit.background import Answer, Background, Looked
from harness.audit.kept import keep, kept
from harness.audit.on_animal import Share
from harness.errors import DataError
from harness.metrics.intervals import Estimate

HALF = Estimate(0.5, 10, 0.2, 0.8)
SHARE = Share("right", "query", HALF, HALF, HALF, HALF, 4, 3)
ANSWERS = (Answer("original", HALF, None, None), Answer("animal hidden", HALF, Estimate(-0.1, 10), 0.04))
FOUND = Background(
    dataset="herd",
    protocol="official",
    protocol_hash="ab" * 32,
    masks="exact",
    settings={"queries": 10, "shortlist": 5, "seed": 0},
    left_out=1,
    within=HALF,
    embedding=Looked("net + none", ANSWERS, (), HALF),
    matchers=(Looked("mutual-nn", ANSWERS, ANSWERS, HALF, (SHARE,)),),
    skipped={"loftr": "no weights"},
)


def test_an_audit_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = keep(tmp_path, FOUND)
    assert path.parent == tmp_path / "audits"
    assert kept(tmp_path, FOUND.protocol_hash) == [FOUND]
    assert kept(tmp_path, "cd" * 32) == []
    assert kept(tmp_path / "nowhere", FOUND.protocol_hash) == []


def test_the_same_systems_have_one_file_and_others_another(tmp_path: Path) -> None:
    keep(tmp_path, FOUND)
    keep(tmp_path, replace(FOUND, left_out=2))
    assert [audit.left_out for audit in kept(tmp_path, FOUND.protocol_hash)] == [2]
    keep(tmp_path, replace(FOUND, settings={**FOUND.settings, "seed": 1}))
    assert len(kept(tmp_path, FOUND.protocol_hash)) == 2


@pytest.mark.parametrize("change", [{"schema_number": 9}, {"settings": 3}, {"matchers": [{}]}])
def test_a_damaged_file_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = keep(tmp_path, FOUND)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=path.name):
        kept(tmp_path, FOUND.protocol_hash)
    path.write_text("{")
    with pytest.raises(DataError, match="audit background again"):
        kept(tmp_path, FOUND.protocol_hash)
