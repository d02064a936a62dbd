"""Expected times: what is measured and what is guessed stand apart, and a start counts once a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.expected import GUESSED, MEASURED, Expected, Time
from harness.store import Key
from harness.timings import GUESS, Timings

CELL: Any = "a cell"
EMBED, OTHER = Key("embed", {}, "tiny"), Key("embed", {"seed": 1}, "tiny")


@pytest.fixture
def expected(tmp_path: Path) -> Expected:
    log = Timings(tmp_path)
    log.add("embed", 10, 1.0, "tiny", once=4.0)
    return Expected(log.rates())


def test_a_start_counts_once_a_kind(expected: Expected) -> None:
    expected.add(CELL, EMBED, 100)
    expected.add(CELL, OTHER, 100)
    assert expected.time == Time(measured=24.0, guessed=0.0)
    assert expected.guesses == {}
    assert not expected.time.rough


def test_guesses_stand_apart_and_are_listed(expected: Expected) -> None:
    expected.add(CELL, EMBED, 100)
    expected.add(CELL, Key("train", {}, "net"), 1000)
    expected.add(CELL, Key("train", {"seed": 1}, "net"), 1000)
    expected.add(CELL, Key("score", {}, "all"), 1)
    assert expected.times["train"] == Time(0.0, pytest.approx(2000 * GUESS["train"]))
    assert expected.time.rough
    assert list(expected.guesses) == [("train", "net"), ("score", "all")]
    assert [(guess.stage, guess.kind, guess.cell) for guess in expected.unmeasured] == [("train", "net", CELL)]
    told = expected.as_json()
    assert told["seconds_are_rough"]
    assert told["times"]["embed"]["guessed"] == 0
    assert told["times"]["train"]["guessed"] == told["times"]["train"]["seconds"]
    assert {"stage": "score", "kind": "all"} in told["not_measured"]


def test_the_range_is_wide_for_a_guess_and_narrow_for_a_measurement() -> None:
    assert Time(measured=10).span == (10 / MEASURED, 10 * MEASURED)
    assert Time(guessed=10).span == (10 / GUESSED, 10 * GUESSED)
    assert not Time(measured=9, guessed=2).rough
    assert Time(measured=7, guessed=2).rough
    assert not Time().rough
