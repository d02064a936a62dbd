"""``harness data audit`` as a user types it: JSON, a table for people, options that reach the audit, errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pictures import textured
from PIL import Image
from support import BACKBONE

from harness.cli import main


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """Three individuals of twelve photographs: Kinna's are near-duplicates, one of Sadala's is there three times."""
    base = textured(48, 64, seed=999)
    for number, name in enumerate(("Kinna", "kinna", "Sadala")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for shot in range(12):
            own = textured(48, 64, seed=100 * number + shot)
            picture = (base * 0.7 + own * 0.3).astype(np.uint8) if name == "Kinna" else own
            Image.fromarray(picture).save(tmp_path / "photos" / name / f"{shot}.png")
    for copy in ("copy", "again"):
        shutil.copy(tmp_path / "photos/Sadala/0.png", tmp_path / f"photos/Sadala/{copy}.png")
    return f"folder[root={tmp_path / 'photos'}]"


def call(*words: str) -> Result:
    return CliRunner().invoke(main, ["data", "audit", *words, "--protocol", "study", "--set", "protocol.new_share=0"])


def found(*words: str) -> dict[str, Any]:
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    read: dict[str, Any] = json.loads(result.stdout)
    return read


def test_the_audit_as_json(photos: str) -> None:
    audit = found(photos)
    findings = {finding["name"]: finding for finding in audit["findings"]}
    assert findings["copied files"]["n"] == 1
    assert findings["copied files"]["examples"] == ["Sadala/0.png = Sadala/again.png = Sadala/copy.png"]
    assert findings["alike names"]["examples"] == ["Kinna = kinna (spelling)"]
    assert audit["leaked"]["all"]["queries"] == 8
    assert set(audit["unchecked"]) == {"group"}


def test_options_reach_the_audit(photos: str) -> None:
    assert set(found(photos, "--no-photographs")["unchecked"]) == {"group", "photograph"}
    loose, tight = (found(photos, "--no-photographs", "--near-bits", bits)["leaked"]["all"] for bits in ("16", "0"))
    assert loose["near"] > tight["near"]
    other = found(photos, "--no-photographs", "--set", "protocol.split_seed=3")
    assert other["protocol_hash"] != found(photos, "--no-photographs")["protocol_hash"]


def test_many_pairs_are_compared_only_when_asked_for(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.data.FEW_PAIRS", 3)
    result = call(photos)
    assert "are not compared unless you ask: --photographs" in result.stderr
    assert "unchecked photograph" in result.stdout
    assert "photograph" in found(photos, "--photographs")["pairs"]


def test_the_audit_for_people(photos: str) -> None:
    text = call(photos, "--no-photographs").stdout
    for line in ("Queries with a leak, by kind", "Sadala/0.png = Sadala/again.png", "Kinna = kinna (spelling)"):
        assert line in text
    assert "\x1b" not in text


def test_an_embedding_lists_neighbours(photos: str) -> None:
    listing = found(photos, "--no-photographs", "--embed", BACKBONE)["pairs"]["neighbour"]
    assert listing["n"] >= len(listing["pairs"])
    assert all(pair["distance"] <= 0.02 for pair in listing["pairs"])
    assert "neighbour" not in found(photos, "--no-photographs")["pairs"]


def test_wrong_input_is_told(photos: str) -> None:
    assert "resnet18" in call(photos, "--no-photographs", "--embed", "timm[model=resnet81]").stderr
    missing = call(photos, "--no-photographs", "--embed", "timm[model=resnet18]")
    assert missing.exit_code == 1
    assert "cannot run" in missing.stderr
    assert call(photos, "--near-bits", "65").exit_code == 2
