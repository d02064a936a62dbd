"""The stopwatch: work and what lies between its pieces, each for the stage that it belongs to; progress passes on."""

from __future__ import annotations

import pytest
import tiny

from harness.progress import Quiet
from harness.stopwatch import Piece, Stopwatch


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("harness.stopwatch.time.perf_counter", clock)
    return clock


def test_pieces_and_what_lies_between_them(clock: Clock) -> None:
    watch = Stopwatch(Quiet())
    clock.now = 5.0  # before any stage: nobody's
    watch.stage("train")
    clock.now += 2
    watch.start(10, "image decoded")
    for _ in range(2):
        clock.now += 0.5
        watch.advance(5)
    clock.now += 3
    watch.start(20, "image trained")
    clock.now += 4
    watch.advance(20, "loss 1")
    clock.now += 50
    watch.stage("embed")
    clock.now += 1
    watch.start(1, "image")
    assert watch.pieces["train"] == [Piece(10, 1.0), Piece(20, 4.0)]
    assert watch.between == {"train": 5.0, "embed": 1.0}


def test_progress_passes_on() -> None:
    class Told(tiny.Quiet):
        def stage(self, name: str) -> None:
            self.notes.append(name)

    told = Told()
    watch = Stopwatch(told)
    watch.stage("match")
    watch.start(7, "pairs")
    watch.advance(3, "so far")
    assert (told.total, told.done, told.notes) == (7, 3, ["match", "so far"])
