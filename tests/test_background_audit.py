"""``harness audit background`` as a user types it: JSON, tables, Markdown, masks exact and guessed, errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from looks import herd
from support import BACKBONE, HERD

from harness.audit.altered import VERSIONS
from harness.audit.background import Answer, Background, Looked
from harness.audit.kept import kept
from harness.audit.on_animal import Share
from harness.cli import main
from harness.cli.background_view import markdown
from harness.metrics.intervals import Estimate

PIGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "faropig"
MATCHER = "mutual-nn[max_keypoints=48]"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an audit keeps lies in the current folder's results."""
    monkeypatch.chdir(tmp_path)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", "background", *map(str, words)])


def error_of(result: Result) -> str:
    return " ".join(result.stderr.split())


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """Photographs in folders, without any mask."""
    table = herd(tmp_path).table
    for name, identity in zip(table.path, table.identity, strict=True):
        (tmp_path / "photos" / identity).mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / name, tmp_path / "photos" / identity / name)
    return f"folder[root={tmp_path / 'photos'}]"


def study(photos: str, *words: str | Path) -> Result:
    options = ["--protocol", "study", "--set", "protocol.new_share=0", "--set", "protocol.query_share=0.4"]
    return call(photos, *options, "--backbone", BACKBONE, *words)


@pytest.mark.slow
def test_the_synthetic_herd_has_exact_masks(tmp_path: Path, drawn: Path) -> None:
    shutil.copytree(drawn, tmp_path / "store")
    sheet = tmp_path / "sheet.md"
    words = (HERD, "--backbone", BACKBONE, "--matcher", MATCHER, "--queries", "4", "--shortlist", "5")
    result = call(*words, "--matcher", "lightglue[features=disk]", "--json", "--out", sheet)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["masks"], found["settings"]) == ("exact", {"queries": 4, "shortlist": 5, "seed": 0})
    assert [answer["version"] for answer in found["embedding"]["answers"]] == list(VERSIONS)
    (audit,) = kept(tmp_path / "results", found["protocol_hash"])
    assert json.loads(json.dumps(audit.as_json())) == found
    (matcher,) = found["matchers"]
    assert (matcher["name"], matcher["answers"][0]["r1"]["n"]) == (MATCHER, 4)
    assert 0 < matcher["shares"][3]["share"]["value"] < 1
    ((absent, reason),) = found["skipped"].items()
    assert absent.startswith("lightglue[features=disk")
    assert "weights" in reason
    text = sheet.read_text()
    assert "masks exact" in text
    assert f"- skipped {absent}: " in text
    again = call(*words)
    assert "R-1 by version of the query" in again.stdout
    assert "\x1b" not in again.stdout


@pytest.mark.slow
def test_guessed_masks_are_marked_everywhere(photos: str, tmp_path: Path) -> None:
    result = study(photos, "--segmenter", "grabcut", "--queries", "2", "--matcher", MATCHER, "--out", tmp_path / "a.md")
    assert result.exit_code == 0, result.output
    for text in (result.stdout, (tmp_path / "a.md").read_text()):
        assert text.count("masks guessed by grabcut") == 3, "in the heading and in both tables"


def test_without_masks_it_says_what_to_do(photos: str) -> None:
    result = study(photos)
    assert result.exit_code == 1
    assert "has no masks Have them guessed: --segmenter grabcut" in error_of(result)


def test_wrong_input_is_told(photos: str, tmp_path: Path) -> None:
    assert "no segmenter called 'grabcat'" in error_of(study(photos, "--segmenter", "grabcat"))
    assert "mutual-nn" in error_of(study(photos, "--matcher", "mutual-n"))
    assert "cannot run" in error_of(call(photos, "--protocol", "study", "--backbone", "timm[model=resnet18]"))
    assert "one value" in error_of(study(photos, "--loss", "arcface", "--set", "train.epochs=[1, 2]"))
    result = study(photos, "--out", tmp_path / "nowhere" / "a.md")
    assert result.exit_code == 2
    assert "there is no folder" in error_of(result)
    assert call(photos).exit_code == 2


def test_an_interrupt_ends_it_without_a_traceback(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(chosen: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.audit._looked", interrupted)
    result = study(photos)
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr


def test_markdown_holds_every_number() -> None:
    low, high = Estimate(0.25, 40, 0.125, 0.375), Estimate(0.5, 40)
    answers = (Answer("original", low, None, None), Answer("animal hidden", high, Estimate(-0.1, 40, -0.2, 0.05), 0.03))
    share = Share("right", "both", high, low, low, Estimate(0.25, 7, 0.1, 0.4), 30, 20)
    looked = Looked("a|b", answers, answers[:1], Estimate(None, 0), (share,))
    settings = {"queries": 40, "shortlist": 20, "seed": 1}
    text = markdown(Background("herd", "official", "f" * 64, "exact", settings, 2, low, looked, (), {"x": "no\nway"}))
    assert "| a\\|b | 25.0 (12.5-37.5) | 50.0<br>-10.0 (-20.0 to +5.0), p 0.03 * | - |" in text
    for part in ("40 known queries, 2 passed over", "seed 1", "R-20 25.0 (12.5-37.5)", "- skipped x: no way"):
        assert part in text
    text = markdown(Background("herd", "official", "f" * 64, "exact", settings, 0, low, looked, (looked,), {}))
    row = (
        "| a\\|b | right | both | 50.0 | 25.0 (12.5-37.5) | 25.0 (12.5-37.5) | +25.0 (+10.0 to +40.0) | 40 | 20 of 30 |"
    )
    assert row in text


@pytest.mark.slow
@pytest.mark.skipif(not PIGS.is_dir(), reason="no photographs in ../shared/data")
def test_pigs_have_masks_of_their_own() -> None:
    words = (f"wildlifereid10k[root={PIGS}]", "--backbone", BACKBONE, "--matcher", MATCHER, "--queries", "5")
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["masks"], found["left_out"]) == ("exact", 0)
    by_area = [share["by_area"]["value"] for share in found["matchers"][0]["shares"] if share["share"]["n"]]
    assert by_area
    assert np.all((np.array(by_area) > 0.1) & (np.array(by_area) < 0.9)), "pigs fill their crops for the most part"
