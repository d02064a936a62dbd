"""The plan: distinct stages, pairs that are bounded before rankings are known and counted afterwards, and time."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from little import fullest, little
from rich.console import Console

from harness.cli.plan_view import show
from harness.expected import SAMPLED
from harness.grid import Grid
from harness.keys import PARTS, Keys
from harness.plan import STAGES, Planner
from harness.store import Key, Store, Value
from harness.timings import Timings


@pytest.fixture
def store(tmp_path: Path, drawn: Path) -> Store:
    return Store(Path(shutil.copytree(drawn, tmp_path / "store")))


@pytest.fixture
def made(store: Store) -> tuple[Grid, Keys]:
    return little(store)


def test_a_fresh_store_has_everything_to_do_and_all_of_it_is_a_guess(made: tuple[Grid, Keys], store: Store) -> None:
    plan = Planner(*made, store).plan()
    totals = {stage: numbers["total"] for stage, numbers in plan.stages.items()}
    assert totals == {
        "train": 1, "embed": 2, "retrieve": 4, "segment": 0, "describe": 1, "match": 1, "cascade": 0, "fuse": 4,
        "decide": 4, "score": 4,
    }  # fmt: skip
    unasked = {"segment", "cascade"}
    assert {stage for stage, time in plan.expected.times.items() if time.seconds} == {*STAGES, "rest"} - unasked
    assert plan.expected.time.measured == 0
    assert {guess.stage for guess in plan.expected.unmeasured} == set(SAMPLED) - unasked
    told = json.loads(json.dumps(plan.as_json()))
    assert told["seconds_are_rough"]
    assert told["time"]["low"] < told["seconds"] < told["time"]["high"]


def test_what_is_in_the_store_takes_no_time(made: tuple[Grid, Keys], store: Store) -> None:
    grid, keys = made
    train = keys.train(fullest(grid))
    assert train is not None
    store.write(train, Value({"x": np.zeros(1)}))
    plan = Planner(grid, keys, store).plan()
    assert plan.stages["train"] == {"total": 1, "cached": 1}
    assert plan.expected.times["train"].seconds == 0
    assert plan.expected.times["embed"].seconds > 0


def test_a_measurement_of_its_own_kind_makes_the_time(made: tuple[Grid, Keys], store: Store) -> None:
    grid, keys = made
    embed = keys.embed(fullest(grid))
    Timings(store.root).add("embed", 1, 0.5, embed.kind, once=7.0)
    times = Planner(grid, keys, store).plan().expected.times
    images = len(np.unique(keys.data.table.digest))
    assert times["embed"].guessed == 0
    assert times["embed"].measured == pytest.approx(7 + 2 * images * 0.5)  # two networks of one kind
    assert times["train"].measured == 0


def test_pairs_are_bounded_by_the_gallery_and_then_counted(made: tuple[Grid, Keys], store: Store) -> None:
    grid, keys = made
    width = keys.data.protocol.shortlist
    sizes = {part: (len(keys.asked[part]), len(keys.gallery[part])) for part in PARTS}
    bound = sum(q * min(2 * width, g) for q, g in sizes.values())  # two rankings: frozen and trained
    assert Planner(grid, keys, store).plan().pairs == bound
    for cell in grid.cells:  # both rankings turn out the same: each pair counts once
        for part, (q, g) in sizes.items():
            order = np.tile(np.arange(min(width, g), dtype=np.int32), (q, 1))
            if not store.has(keys.retrieve(cell, part)):
                store.write(keys.retrieve(cell, part), Value({"order": order, "scores": np.zeros(order.shape)}))
    assert Planner(grid, keys, store).plan().pairs == sum(q * min(width, g) for q, g in sizes.values())


def test_kinds_name_what_decides_the_speed_and_no_digest_changes_with_them(made: tuple[Grid, Keys]) -> None:
    grid, keys = made
    cell = fullest(grid)
    train, match = keys.train(cell), keys.match(cell)
    assert train is not None
    assert match is not None
    assert train.kind.startswith("tiny + arcface, 8 a step on synthetic-herd")
    assert match.kind.startswith("mutual-nn[max_keypoints=48] on synthetic-herd")
    frozen = next(cell for cell in grid.cells if not cell.loss)
    assert keys.embed(cell).kind == keys.embed(frozen).kind
    assert keys.embed(cell).digest != keys.embed(frozen).digest
    on_card = Keys(keys.data, "cuda").train(cell)
    assert on_card is not None
    assert on_card.kind == train.kind + ", cuda"
    assert Key("train", train.parts).digest == train.digest


@pytest.mark.slow
def test_a_calibrated_plan_stands_beside_what_the_run_took(
    harness: Callable[..., subprocess.CompletedProcess[str]], small_grid: Path, tmp_path: Path
) -> None:
    only = ("--grid", small_grid, "--only", "loss=none")
    before = json.loads(harness("plan", *only, "--calibrate", "--json").stdout)
    assert before["calibration_failed"] == []
    assert {guess["stage"] for guess in before["not_measured"]}.isdisjoint(SAMPLED)
    assert before["stages"]["embed"] == {"total": 1, "cached": 0}
    ran = harness("run", *only)
    planned = re.search(r"took \d+ s, planned: (\d+) s", ran.stderr)
    assert planned is not None
    assert float(planned[1]) == pytest.approx(before["seconds"], abs=0.6)
    after = harness("plan", *only).stdout
    assert re.search(r"embed .*nothing to do", after)
    assert re.search(r"rest .*measured here", after)
    assert re.search(r"time: about \d:\d\d:\d\d$", after, re.MULTILINE)


def test_people_are_told_what_is_a_guess_and_what_failed(made: tuple[Grid, Keys], store: Store) -> None:
    grid, keys = made
    Timings(store.root).add("embed", 1, 0.005, keys.embed(fullest(grid)).kind)
    plan = Planner(grid, keys, store).plan()
    console = Console(width=200, record=True, file=io.StringIO())
    show(console, grid, keys.data, plan, {plan.expected.unmeasured[0]: "RuntimeError: [no] weights"})
    text = console.export_text()
    assert re.search(r"embed .*measured here", text)
    assert re.search(r"train .*a guess", text)
    assert len(re.findall("^not measured here ", text, re.MULTILINE)) == len({*SAMPLED} - {"segment", "embed"})
    assert re.search(r"^calibration failed .*: RuntimeError: \[no\] weights$", text, re.MULTILINE)
    assert re.search(
        r"^time: \d:\d\d:\d\d to \d:\d\d:\d\d \(rough: \d+% of it is a guess; harness plan --cal", text, re.MULTILINE
    )
