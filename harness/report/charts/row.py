"""Charts of one row: R-k with its band, training, and what the stages cost."""

from __future__ import annotations

from typing import Any

from harness.report.charts import PALETTE, rows


def charts() -> dict[str, Any]:
    """Name -> chart."""
    return {"rank-curve": rank_curve()}


def rank_curve() -> Any:
    """R-k over k with its interval; rows of ``k``, ``value``, ``low``, ``high``, in per cent, and ``name``."""
    import altair as alt

    x = alt.X("k:Q", title="k", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(tickCount=5, format="d"))
    base = alt.Chart(rows()).encode(x=x, color=alt.Color("name:N", title=None, scale=alt.Scale(range=PALETTE)))
    y = alt.Y("value:Q", title="R-k (%)", scale=alt.Scale(domain=[0, 100]))
    band = base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", title="R-k (%)"), y2="high:Q")
    told = [alt.Tooltip(name, format=".1f") for name in ("value:Q", "low:Q", "high:Q")]
    line = base.mark_line(point=True).encode(y=y, tooltip=["name:N", "k:Q", *told])
    return alt.layer(band, line).properties(width="container", height=260)
