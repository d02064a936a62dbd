"""Timings: measurements by kind, of which the last count most, no outlier decides, and no damaged line matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.expected import REST
from harness.plan import STAGES
from harness.timings import GUESS, Timings


@pytest.fixture
def log(tmp_path: Path) -> Timings:
    return Timings(tmp_path)


def test_kinds_of_one_stage_do_not_share_a_number(log: Timings) -> None:
    log.add("embed", 10, 20.0, "resnet50")
    log.add("embed", 10, 0.1, "tiny")
    rates = log.rates()
    assert rates.rate("embed", "resnet50") == (2.0, 0.0, True)
    assert rates.rate("embed", "tiny") == (0.01, 0.0, True)


def test_a_kind_that_was_not_measured_goes_by_others_of_its_stage_and_else_by_a_guess(log: Timings) -> None:
    assert log.rates().rate("embed", "tiny") == (GUESS["embed"], 0.0, False)
    log.add("embed", 10, 20.0, "resnet50", once=3.0)
    assert log.rates().rate("embed", "tiny") == (2.0, 0.0, False)
    assert log.rates().rate("train", "tiny") == (GUESS["train"], 0.0, False)


@pytest.mark.parametrize("stage", [*STAGES, REST.stage])
def test_there_is_a_guess_for_every_stage(log: Timings, stage: str) -> None:
    assert log.rates().rate(stage, "").each > 0


@pytest.mark.parametrize("place", range(4))
def test_one_outlier_decides_nothing(log: Timings, place: int) -> None:
    for i in range(4):
        log.add("match", 100, 5000.0 if i == place else 1.0 + i / 100, "m")
    assert 0.01 <= log.rates().rate("match", "m").each <= 0.0103


def test_the_last_measurements_count_most(log: Timings) -> None:
    for seconds in [8.0] * 6 + [1.0] * 4:  # moved to a faster machine
        log.add("train", 100, seconds, "t")
    assert log.rates().rate("train", "t").each == 0.01


def test_a_long_measurement_counts_more_than_a_short_one(log: Timings) -> None:
    log.add("embed", 10_000, 100.0, "e")
    for _ in range(4):
        log.add("embed", 1, 0.5, "e")
    assert log.rates().rate("embed", "e").each == 0.01


def test_what_goes_by_once_is_no_part_of_the_rate(log: Timings) -> None:
    log.add("embed", 10, 1.0, "e", once=4.0)
    log.add("embed", 10, 1.0, "e")
    assert log.rates().rate("embed", "e") == (0.1, 4.0, True)


def test_lines_of_older_versions_and_damaged_ones_are_passed_over(log: Timings) -> None:
    log.add("embed", 10, 1.0, "e")
    with log.path.open("a") as lines:
        lines.write('["embed", 10, 900.0]\n["embed", 10, 90\n[]\nnull\n3\n\n["embed", "x", 1, "e", 0]\n')
        lines.write('["embed", 0, 1.0, "e", 0.0]\n["embed", 10, 0.0, "e", 0.0]\n\ufffd\n')
    log.add("embed", 10, 1.0, "e")
    assert log.rates().rate("embed", "e") == (0.1, 0.0, True)


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    log = Timings(tmp_path / "missing")
    log.add("embed", 10, 1.0, "e")
    assert not log.rates().rate("embed", "e").measured
