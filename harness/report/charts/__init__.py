"""The charts of the report, one Vega-Lite specification each; a page holds the rows of data alone.

A room of charts is a module here with ``charts()``: name -> chart on the data source :data:`ROWS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.report.site import script_json

if TYPE_CHECKING:
    import altair as alt

ROWS = "rows"
"""Name of the data source that a page fills."""
PALETTE = [f"var(--c{number})" for number in range(1, 9)]
"""Colours that colour-blind readers can tell apart (Okabe and Ito, Color Universal Design, 2008), a shade for each
theme: see ``assets/style.css``."""
INK, FAINT, RULE, PAPER = "var(--ink)", "var(--faint)", "var(--rule)", "var(--paper)"


def rows() -> alt.NamedData:
    """The data source of every chart."""
    import altair as alt

    return alt.NamedData(ROWS)


def fit_x() -> alt.AutoSizeParams:
    """How a chart whose height goes by its rows fills the page's width."""
    import altair as alt

    return alt.AutoSizeParams(type="fit-x", contains="padding")


def library() -> str:
    """Vega as one script that needs no network, and all charts beside it: ``reid.charts[name]`` is a specification."""
    import vl_convert

    specs = {name: chart.to_dict() for name, chart in _all().items()}
    vega = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub does not know the default
    return f"(() => {{{vega}}})();\nreid.charts = {script_json(specs)};\nreid.chartConfig = {script_json(_config())};\n"


def _all() -> dict[str, Any]:
    from harness.report.charts import atlas, audits, openset, row

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
