"""Background audits in the results folder: read back as they were, and a damaged one named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from audited import FOUND

from harness.audit.kept import keep, kept
from harness.errors import DataError


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
