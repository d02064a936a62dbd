"""Charts of known against new: densities of a score, and the curves over all thresholds with the chosen one on them."""

from __future__ import annotations

from typing import Any

from harness.report.charts import INK, PALETTE, rows

CHOSEN = "chosen"
"""Name of the data source that holds the threshold."""


def charts() -> dict[str, Any]:
    """Name -> chart."""
    return {
        "density": density(),
        "roc": curve("share of new queries kept (%)", "share of known queries kept (%)"),
        "oscr": curve("share of new queries kept (%)", "share of known queries kept and right (%)"),
        "baks-baus": curve("BAUS (%)", "BAKS (%)"),
    }


def density() -> Any:
    """Densities of known and new by score, and the ``threshold`` of the data source :data:`CHOSEN` as a line; rows of
    ``from``, ``to``, ``density`` and ``kind``."""
    import altair as alt

    colour = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=["known", "new"], range=PALETTE[:2]),
        legend=alt.Legend(orient="top"),
    )
    told = ["kind:N", alt.Tooltip("from:Q", format=".3g"), alt.Tooltip("to:Q", format=".3g")]
    bars = alt.Chart(rows()).mark_rect(opacity=0.45).transform_calculate(zero="0")
    drawn = bars.encode(
        x=alt.X("from:Q", title="score", scale=alt.Scale(zero=False, nice=False)),
        x2="to:Q",
        y=alt.Y("density:Q", title="density", stack=None, axis=alt.Axis(labels=False, ticks=False)),
        y2="zero:Q",
        color=colour,
        tooltip=told,
    )
    line = alt.Chart(alt.NamedData(CHOSEN)).mark_rule(color=INK, strokeWidth=2, strokeDash=[6, 3])
    rule = line.encode(x="threshold:Q")
    return alt.layer(drawn, rule).properties(width="container", height=220)


def curve(across: str, up: str) -> Any:
    """A curve, and the signals ``px`` and ``py`` as a point on it; rows of ``x`` and ``y``, in per cent."""
    import altair as alt

    whole = alt.Scale(domain=[0, 100])
    line = alt.Chart(rows()).mark_line(color=PALETTE[0])
    drawn = line.encode(x=alt.X("x:Q", title=across, scale=whole), y=alt.Y("y:Q", title=up, scale=whole), order="i:Q")
    point = alt.Chart(alt.InlineData(values=[{}])).mark_point(
        filled=True, size=110, color=PALETTE[1], opacity=1, aria=False
    )
    chosen = point.encode(
        x=alt.datum(alt.expr("px"), type="quantitative"), y=alt.datum(alt.expr("py"), type="quantitative")
    )
    signals = (alt.param(name=name, value=0) for name in ("px", "py"))
    return alt.layer(drawn, chosen).add_params(*signals).properties(width="container", height=240)
