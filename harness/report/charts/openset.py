"""Charts of known against new: densities of a score, and the curves over all thresholds with the chosen one on them."""

from __future__ import annotations

from typing import Any

from harness.report.charts import FAINT, INK, PALETTE, rows

CHOSEN = "chosen"
"""Name of the data source that holds the threshold."""
NEW_KEPT = "share of new queries kept (%)"


def charts() -> dict[str, Any]:
    """Name -> chart."""
    return {
        "density": density(),
        "roc": curve(NEW_KEPT, "share of known queries kept (%)", chance=True),
        "oscr": curve(NEW_KEPT, "share of known queries kept and right (%)"),
        "baks-baus": curve("BAUS (%)", "BAKS (%)"),
        "reliability": reliability(),
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
        x=alt.X("from:Q", title="score", scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(labelOverlap=True)),
        x2="to:Q",
        y=alt.Y("density:Q", title="density", stack=None, axis=alt.Axis(labels=False, ticks=False, grid=False)),
        y2="zero:Q",
        color=colour,
        tooltip=told,
    )
    line = alt.Chart(alt.NamedData(CHOSEN)).mark_rule(color=INK, strokeWidth=2, strokeDash=[6, 3])
    rule = line.encode(x="threshold:Q")
    return alt.layer(drawn, rule).properties(width="container", height=220)


def curve(across: str, up: str, chance: bool = False) -> Any:
    """A curve, and the ``x`` and ``y`` of the data source :data:`CHOSEN` as a point on it; rows of ``i`` (their order),
    ``x`` and ``y``, in per cent. ``chance``: with the diagonal of a score that knows nothing."""
    import altair as alt

    x, y = _percent("x:Q", across), _percent("y:Q", up)
    line = alt.Chart(rows()).mark_line(color=PALETTE[0]).encode(x=x, y=y, order="i:Q")
    chosen = alt.Chart(alt.NamedData(CHOSEN)).mark_point(filled=True, size=110, color=PALETTE[1], opacity=1, aria=False)
    told = [alt.Tooltip("x:Q", title=across, format=".1f"), alt.Tooltip("y:Q", title=up, format=".1f")]
    layers = [line, chosen.encode(x=x, y=y, tooltip=told)]
    return alt.layer(*([_diagonal()] if chance else []), *layers).properties(width="container", height=240)


def reliability() -> Any:
    """How often queries are known for what the probability says; rows of ``i``, ``x`` and ``y``, in per cent, and
    ``queries``."""
    import altair as alt

    x, y = _percent("x:Q", "stated probability of known (%)"), _percent("y:Q", "known queries (%)")
    line = alt.Chart(rows()).mark_line(color=PALETTE[0], strokeWidth=1).encode(x=x, y=y, order="i:Q")
    told = [alt.Tooltip("x:Q", title="stated (%)", format=".1f"), alt.Tooltip("y:Q", title="known (%)", format=".1f")]
    point = alt.Chart(rows()).mark_point(filled=True, color=PALETTE[0], opacity=1, size=60)
    drawn = point.encode(x=x, y=y, tooltip=[*told, "queries:Q"])
    return alt.layer(_diagonal(), line, drawn).properties(width="container", height=240)


def _percent(field: str, title: str) -> Any:
    import altair as alt

    kind = alt.X if field == "x:Q" else alt.Y
    return kind(field, title=title, scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=5))


def _diagonal() -> Any:
    """From corner to corner, drawn once: for the first row."""
    import altair as alt

    ends = {"x": alt.datum(0), "y": alt.datum(0), "x2": alt.datum(100), "y2": alt.datum(100)}
    line = alt.Chart(rows()).transform_filter("datum.i === 0").mark_rule(color=FAINT, strokeDash=[2, 3], aria=False)
    return line.encode(**ends)
