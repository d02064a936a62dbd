"""Intervals as bars: on one scale, of one width, and of ASCII where a terminal has nothing else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from harness.leaderboard.bars import CELLS, EQUAL, Bar, Signed, scale
from harness.record import Metric


def metric(value: float | None, low: float | None = None, high: float | None = None) -> Metric:
    return Metric(value=value, n=9, low=low, high=high)


def test_a_bar_goes_from_low_to_high_with_the_value_on_it() -> None:
    assert Bar(metric(0.5, 0.2, 1.0), 1.0).drawn() == "   ─────●───────"
    assert Bar(metric(0.5, 0.2, 1.0), 1.0).drawn(plain=True) == "   -----o-------"
    assert Bar(metric(0.0, 0.0, 0.0), 1.0).drawn().rstrip() == "●"
    assert Bar(metric(0.25, 0.25, 0.25), 0.5).drawn().index("●") == 8


@pytest.mark.parametrize("found", [None, metric(None), metric(0.5)])
def test_without_an_interval_nothing_is_drawn(found: Metric | None) -> None:
    assert Bar(found, 1.0).drawn() == " " * CELLS


def test_every_bar_is_of_one_width() -> None:
    values = [(0.0, 0.0, 0.1), (0.3, 0.1, 0.9), (0.9, 0.9, 0.9)]
    assert {len(Bar(metric(*found), 0.9).drawn()) for found in values} == {CELLS}


def test_a_scale_ends_at_the_highest_bound() -> None:
    assert scale([metric(0.3, 0.1, 0.4), None, metric(0.9), metric(0.2, 0.1, 0.5)]) == 0.5
    assert scale([None]) == 0.0


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", "●"), ("ascii", "o")])
def test_a_terminal_gets_what_it_can_show(encoding: str, expected: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=out, width=80).print(Bar(metric(0.5, 0.2, 1.0), 1.0))
    out.flush()
    assert expected in out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", EQUAL), ("ascii", "~"), ("latin-1", "~"), ("cp1252", "~")])
def test_the_sign_is_one_that_a_terminal_can_show(encoding: str, sign: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    text = Signed.assemble(f"{EQUAL} 12.5", (" bold", "bold"))
    table = Table(caption=text)
    table.add_column("R-1")
    table.add_row(text)
    Console(file=out, width=80).print(table)
    out.flush()
    assert out.buffer.getvalue().decode(encoding).count(f"{sign} 12.5 bold") == 2  # type: ignore[attr-defined]
    assert text.plain.startswith(EQUAL), "the text itself stays"
