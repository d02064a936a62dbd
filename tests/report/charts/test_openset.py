"""Charts of known against new: they compile, and what is chosen is drawn where the page says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harness.report.charts import openset

CURVES = ("roc", "oscr", "baks-baus")
ROWS = [{"i": 0, "x": 0.0, "y": 0.0, "queries": 3}, {"i": 1, "x": 100.0, "y": 80.0, "queries": 2}]
DENSITY = [{"kind": kind, "from": 0.0, "to": 0.5, "density": 2.0} for kind in ("known", "new")]


def drawn(name: str, rows: list[dict[str, Any]], chosen: list[dict[str, float]]) -> str:
    """The chart as the page draws it: with no other data sources than its rows and what is chosen."""
    import vl_convert

    spec = openset.charts()[name].to_dict()
    given = {"data": {"name": "rows", "values": rows}, "datasets": {openset.CHOSEN: chosen}}
    return str(vl_convert.vegalite_to_svg({**spec, **given, "width": 200}))


def dots(svg: str) -> list[tuple[float, float]]:
    """Where the symbols of what is chosen stand, in pixels from the corner of the plot."""
    marks = re.findall(r"<path[^>]*>", svg)
    places = [re.search(r"translate\(([-\d.]+),([-\d.]+)\)", mark) for mark in marks if 'fill="var(--c2)"' in mark]
    return [(float(place[1]), float(place[2])) for place in places if place]


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(("x", "y"), [(0, 0), (25, 75), (100, 100)])
def test_the_chosen_threshold_is_a_dot_on_the_curve(name: str, x: int, y: int) -> None:
    (dot,) = dots(drawn(name, ROWS, [{"x": x, "y": y}]))
    assert dot == pytest.approx((2 * x, 240 - 2.4 * y))


@pytest.mark.parametrize("name", sorted(openset.charts()))
def test_a_chart_has_no_data_of_its_own(name: str) -> None:
    """The page gives all data; what a specification brings along would be lost."""
    spec = openset.charts()[name].to_dict()
    assert "datasets" not in spec
    sources = {layer["data"]["name"] for layer in spec["layer"] if "data" in layer} | {spec.get("data", {}).get("name")}
    assert sources <= {"rows", openset.CHOSEN, None}


def test_the_threshold_is_a_line_through_the_densities() -> None:
    svg = drawn("density", DENSITY, [{"threshold": 0.25}])
    assert svg.count("stroke-dasharray") == 1
    assert svg.count('fill="var(--c1)"') >= 1
    assert svg.count('fill="var(--c2)"') >= 1


@pytest.mark.parametrize(("name", "lines"), [("roc", 1), ("reliability", 1), ("oscr", 0), ("baks-baus", 0)])
def test_the_diagonal_is_drawn_once_where_it_means_something(name: str, lines: int) -> None:
    assert drawn(name, ROWS, []).count("stroke-dasharray") == lines
