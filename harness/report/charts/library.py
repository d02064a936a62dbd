"""Vega and all charts as one script, and what they look like."""

from __future__ import annotations

from typing import Any

from harness.report.charts import FAINT, INK, PALETTE, RULE, atlas, audits, openset, row
from harness.report.site import script_json


def library() -> str:
    """Vega as one script that needs no network, and all charts beside it: ``reid.charts[name]`` is a specification."""
    import vl_convert

    specs = {name: chart.to_dict() for name, chart in _all().items()}
    vega = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub does not know the default
    return f"(() => {{{vega}}})();\nreid.charts = {script_json(specs)};\nreid.chartConfig = {script_json(_config())};\n"


def _all() -> dict[str, Any]:
    return {name: chart for room in (row, openset, audits, atlas) for name, chart in room.charts().items()}


def _config() -> dict[str, Any]:
    """Colours are those of the page's theme, which the browser looks up: a chart follows it undrawn."""
    axis = {"labelColor": INK, "titleColor": INK, "domainColor": FAINT, "tickColor": FAINT, "gridColor": RULE}
    text = {"font": "system-ui, sans-serif", "fontSize": 12}
    return {
        "background": "transparent",
        "font": text["font"],
        "axis": {**axis, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontWeight": "normal"},
        "title": {"color": INK, "fontWeight": "normal"},
        "header": {"labelColor": INK, "titleColor": INK},
        "view": {"stroke": None},
        "range": {"category": PALETTE},
        "text": {"color": INK},
        "rule": {"color": FAINT},
        "line": {"strokeWidth": 2},
    }
