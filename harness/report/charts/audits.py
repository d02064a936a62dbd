"""The chart of the background audit."""

from __future__ import annotations

from typing import Any

from harness.report.charts import PALETTE, rows


def charts() -> dict[str, Any]:
    """Name -> chart."""
    return {"versions": versions()}


def versions() -> Any:
    """R-1 by version of the queries, one mark a system; rows of ``version``, ``name``, ``value``, ``low``, ``high``, in
    per cent."""
    import altair as alt

    base = alt.Chart(rows()).encode(
        y=alt.Y("version:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("name:N", sort=None),
        color=alt.Color(
            "name:N",
            title=None,
            sort=None,
            scale=alt.Scale(range=PALETTE),
            legend=alt.Legend(orient="top", columns=1, labelLimit=600),
        ),
    )
    scale = alt.Scale(domain=[0, 100])
    told = ["version:N", "name:N", *(alt.Tooltip(name, format=".1f") for name in ("value:Q", "low:Q", "high:Q"))]
    rule = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="R-1 (%)", scale=scale), x2="high:Q", tooltip=told
    )
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("value:Q", scale=scale), tooltip=told)
    return alt.layer(rule, point).properties(width="container", height=320)
