"""Charts of one row: R-k with its band, its parts, training, and what the stages cost."""

from __future__ import annotations

from typing import Any

from harness.report.charts import PALETTE, rows


def charts() -> dict[str, Any]:
    """Name -> chart."""
    return {
        "rank-curve": rank_curve(),
        "parts": parts(),
        "loss": epochs("loss", 0),
        "validation": epochs("R-1 on validation (%)", 1),
        "stages": stages(),
    }


def rank_curve() -> Any:
    """R-k over k with its interval; rows of ``k``, ``value``, ``low``, ``high``, in per cent, and ``name``."""
    import altair as alt

    x = alt.X("k:Q", title="k", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(tickCount=5, format="d"))
    legend = alt.Legend(orient="top", labelLimit=400)
    colour = alt.Color("name:N", title=None, scale=alt.Scale(range=PALETTE), sort=None, legend=legend)
    base = alt.Chart(rows()).encode(x=x, color=colour)
    y = alt.Y("value:Q", title="R-k (%)", scale=alt.Scale(domain=[0, 100]))
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title="R-k (%)"), y2="high:Q")
    told = [alt.Tooltip(name, format=".1f") for name in ("value:Q", "low:Q", "high:Q")]
    dash = alt.StrokeDash("name:N", sort=None, legend=None)
    line = base.mark_line(point=True).encode(y=y, strokeDash=dash, tooltip=["name:N", "k:Q", *told])
    return alt.layer(band, line).properties(width="container", height=280)


def parts() -> Any:
    """A number with its interval for each part; rows of ``part``, ``n``, ``value``, ``low``, ``high``, in per cent."""
    import altair as alt

    axis = alt.Axis(labelLimit=260)
    base = alt.Chart(rows()).encode(y=alt.Y("part:N", title=None, sort=None, axis=axis))
    told = ["part:N", "n:Q", *(alt.Tooltip(name, format=".1f") for name in ("value:Q", "low:Q", "high:Q"))]
    scale = alt.Scale(domainMin=0)
    rule = base.mark_rule(strokeWidth=3, color=PALETTE[0]).encode(
        x=alt.X("low:Q", title="R-1 (%)", scale=scale), x2="high:Q", tooltip=told
    )
    point = base.mark_point(filled=True, size=60, opacity=1, color=PALETTE[0]).encode(x="value:Q", tooltip=told)
    return alt.layer(rule, point).properties(width="container", height=alt.Step(22))


def epochs(title: str, colour: int) -> Any:
    """A number over the epochs; rows of ``epoch`` and ``value``."""
    import altair as alt

    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    told = ["epoch:Q", alt.Tooltip("value:Q", title=title, format=".4g")]
    line = alt.Chart(rows()).mark_line(point=True, color=PALETTE[colour]).encode(x=x, y=y, tooltip=told)
    return line.properties(width="container", height=180)


def stages() -> Any:
    """Seconds of each stage; rows of ``stage``, ``seconds`` and ``source``."""
    import altair as alt

    told = ["stage:N", alt.Tooltip("seconds:Q", format=".1f"), "source:N"]
    bar = alt.Chart(rows()).mark_bar(color=PALETTE[0])
    return bar.encode(
        y=alt.Y("stage:N", title=None, sort=None), x=alt.X("seconds:Q", title="seconds"), tooltip=told
    ).properties(width="container", height=alt.Step(22))
