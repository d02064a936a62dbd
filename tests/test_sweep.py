"""Sweeping a grid over epochs, and the command: cells, records and tables of a small herd."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rows import record
from support import BACKBONE, SMALL

from harness import grid as grids
from harness.cli import main
from harness.errors import GridError
from harness.record import RunRecord
from harness.registry import Registry
from harness.results import Results
from harness.sweep import swept

Run = Callable[..., subprocess.CompletedProcess[str]]
MATCHER = "mutual-nn[max_keypoints=48]"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def cells(raw: dict[str, Any], epochs: Sequence[int], registry: Registry) -> list[tuple[str, int, str]]:
    """Loss, epochs (0 without a loss) and matcher of each cell, in order."""
    made = grids.expand(swept(raw, epochs), registry).cells
    return [(c.label("loss"), c.train.epochs if c.loss else 0, c.label("matcher")) for c in made]


def test_each_loss_is_trained_for_each_number_of_epochs_and_0_is_frozen(registry: Registry) -> None:
    axes = {"backbone": BACKBONE, "loss": ["none", "arcface"], "matcher": MATCHER, "fusion": "replace"}
    assert cells({"axes": axes, "train": {"epochs": 50}}, (0, 1, 3), registry) == [
        ("none", 0, "none"),
        ("none", 0, MATCHER),
        ("arcface", 1, "none"),
        ("arcface", 3, "none"),
        ("arcface", 1, MATCHER),
        ("arcface", 3, MATCHER),
    ]
    assert {loss for loss, _, _ in cells({"axes": axes}, (2,), registry)} == {"arcface"}


def test_other_settings_of_training_and_all_blocks_stay(registry: Registry) -> None:
    blocks = [
        {"backbone": BACKBONE, "loss": "arcface", "train": {"lr": 0.5, "epochs": [7, 9]}},
        {"backbone": BACKBONE, "loss": "softmax"},
    ]
    made = grids.expand(swept({"axes": blocks, "train": {"lr": 0.1}}, (0, 2)), registry).cells
    assert [(c.label("loss"), c.train.epochs, c.train.lr) for c in made if c.loss] == [
        ("arcface", 2, 0.5),
        ("softmax", 2, 0.1),
    ]
    assert len([c for c in made if not c.loss]) == 1


def test_a_grid_that_trains_nothing_has_no_epochs(registry: Registry) -> None:
    frozen = {"axes": {"backbone": BACKBONE}}
    assert cells(frozen, (0, 4), registry) == [("none", 0, "none")]
    with pytest.raises(GridError, match="trains no backbone"):
        swept(frozen, (4,))


@pytest.mark.parametrize("axes", [3, [3], {"backbone": BACKBONE, "train": 3}, {}])
def test_what_is_no_grid_is_refused_as_ever(axes: Any, registry: Registry) -> None:
    with pytest.raises(GridError):
        grids.expand(swept({"axes": axes}, (0, 1)), registry)


def test_the_built_in_sweep_has_every_epoch_with_and_without_re_ranking(registry: Registry) -> None:
    made = cells(grids.read("sweep"), (0, 1, 8), registry)
    assert {epochs for _, epochs, matcher in made if matcher == "none"} == {0, 1, 8}
    assert len(made) == 3 * (1 + 2 * 3)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--epochs", "1,x"], 2, "no list of epochs"),
        (["--epochs", "-1"], 2, "no list of epochs"),
        (["--epochs", ""], 2, "no list of epochs"),
        (["--grid", "swep"], 1, "Did you mean 'sweep'?"),
        (["--no-run", "--only", "loss=none"], 2, "name a --grid"),
        (["--no-run", "--results", "nowhere"], 0, "There are no records"),
    ],
)
def test_wrong_input_is_told(words: list[str], code: int, told: str) -> None:
    result = call("sweep", *words)
    assert (result.exit_code, told in result.stderr.replace("\n", " ")) == (code, True), result.output


def test_help_has_examples() -> None:
    assert "harness sweep --no-run" in call("sweep", "--help").output


def kept(cell: str, **fields: Any) -> RunRecord:
    return record(cell, first_hits="", loss="none", train={}, **fields)


def test_no_run_shows_every_record_and_with_a_grid_its_own(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    grid = grids.expand(swept(grids.read(str(path)), (0, 1)), registry)
    mine = {"cell": grid.cells[0].id, "protocol": grid.protocol.title, "dataset": grid.dataset.label}
    rows = [
        kept(**mine, status="failed", reason="mine"),
        kept("other", status="failed", reason="foreign", protocol_hash="c" * 64),
    ]
    rows += [kept(**{**mine, "dataset": "else"}, protocol_hash="b" * 64, status="failed", reason="elsewhere")]
    Results(tmp_path / "results").add(rows)
    command = ("sweep", "--no-run", "--json", "--results", tmp_path / "results")
    assert {table["dataset"] for table in json.loads(call(*command).stdout)} == {
        mine["dataset"],
        "else",
        rows[1].dataset,
    }
    (table,) = json.loads(call(*command, "--grid", path, "--epochs", "0,1").stdout)
    assert table["dataset"] == mine["dataset"]


def test_a_sweep_as_jobs_is_of_the_same_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("harness.cli.sweep.execute", lambda *given, **named: asked.append((given[0][0], named["jobs"])))
    (tmp_path / "small.toml").write_text(SMALL)
    words = ("sweep", "--grid", tmp_path / "small.toml", "--epochs", "0,1", "--only", "loss=none", "--store", tmp_path)
    assert call(*words, "--executor", "local").exit_code == 0
    assert call(*words).exit_code == 0
    (grid, jobs), (plain, none) = asked
    assert none is None
    told = grids.expand(jobs.asked.grid, registry, jobs.asked.only)
    assert [cell.id for cell in told.cells] == [cell.id for cell in grid.cells] == [cell.id for cell in plain.cells]
    assert told.cells


@pytest.mark.slow
def test_a_sweep_runs_writes_its_page_and_comes_again_from_records_alone(
    harness: Run, small_grid: Path, tmp_path: Path
) -> None:
    words = ("sweep", "--grid", small_grid, "--epochs", "0,1", "--json")
    first = harness(*words, "--out", "pages/gains.md")
    (table,) = json.loads(first.stdout)
    blocks = {block["name"]: block for block in table["blocks"]}
    assert len(blocks) > 2
    assert (
        sum(blocks[name]["rows"][0]["R-1"]["n"] for name in blocks if name != "all")
        == blocks["all"]["rows"][0]["R-1"]["n"]
    )
    for block in blocks.values():
        assert sorted(row["epochs"] for row in block["rows"]) == [0, 1]
        assert [[gain["matcher"] for gain in row["gains"]] for row in block["rows"]] == [[MATCHER]] * 2
    assert table["comparisons"] == 2 * len(blocks)
    assert table["missing"] == []
    assert "### all (" in (tmp_path / "pages" / "gains.md").read_text()
    rows = {(r.loss, r.train.get("epochs"), r.matcher, r.openset): r for r in Results(tmp_path / "results").read()}
    base = rows["arcface", 1, "none", "none"].metrics["R-1"].value
    after = rows["arcface", 1, MATCHER, "threshold"].metrics["R-1"].value
    assert base is not None
    assert after is not None
    (line,) = [row for row in blocks["all"]["rows"] if row["epochs"] == 1]
    assert line["R-1"]["value"] == pytest.approx(base)
    assert line["gains"][0]["value"] == pytest.approx(after - base)

    again = call("sweep", "--no-run", "--json", "--results", tmp_path / "results", "--store", tmp_path / "none")
    assert json.loads(again.stdout) == [table]
    assert not (tmp_path / "none").exists()
