"""Every chart compiles on rows such as its page gives it, and takes its colours from the page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.report.charts.library import _all, library

BOUNDS = {"value": 50.0, "low": 40.0, "high": 60.0}
ROWS: dict[str, list[dict[str, Any]]] = {
    "rank-curve": [{"k": k, "name": name, **BOUNDS} for k in (1, 5, 10) for name in ("A", "B")],
    "parts": [{"part": name, "n": 3, **BOUNDS} for name in ("left", "right")],
    "loss": [{"epoch": 1, "value": 3.0}, {"epoch": 2, "value": 2.0}],
    "validation": [{"epoch": 1, "value": 3.0}],
    "stages": [{"stage": "embed", "seconds": 3.0, "source": "computed in this run"}],
    "density": [{"kind": "known", "from": 0.0, "to": 0.5, "density": 2.0}],
    "roc": [{"i": 0, "x": 0.0, "y": 0.0}, {"i": 1, "x": 100.0, "y": 100.0}],
    "oscr": [{"i": 0, "x": 0.0, "y": 0.0}],
    "reliability": [{"i": 0, "x": 10.0, "y": 20.0, "queries": 4}],
    "baks-baus": [{"i": 0, "x": 0.0, "y": 0.0}],
    "versions": [{"version": "original", "name": "net", "n": 5, **BOUNDS}],
    "atlas": [{"x": 1, "y": 2, "colour": 0, "shape": 1, "size": 40, "id": "a", "identity": "b", "at 1": "right"}],
}


def test_every_chart_is_tried() -> None:
    assert set(ROWS) == set(_all())


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_chart_draws_its_rows(name: str) -> None:
    import vl_convert

    spec = _all()[name].to_dict()
    drawn = {**spec, "data": {"name": "rows", "values": ROWS[name]}, "width": 300}
    drawn["datasets"] = {"chosen": [{"threshold": 0.2, "x": 1.0, "y": 2.0}]}
    assert "<path" in vl_convert.vegalite_to_svg(drawn)
    colours = re.findall(r'"(#[0-9a-f]{3,6})"', json.dumps(spec))
    assert not colours, "a theme could not change these"


def test_the_library_is_one_script_without_a_network() -> None:
    text = library()
    assert "reid.charts = " in text
    assert "window.vegaEmbed" in text
    assert not re.search(r"import\s*\(?['\"]https?:", text)
