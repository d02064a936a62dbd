"""The chart of embeddings in two dimensions."""

from __future__ import annotations

from typing import Any

from harness.report.charts import PALETTE, rows

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def charts() -> dict[str, Any]:
    """Name -> chart."""
    return {"atlas": atlas()}


def atlas() -> Any:
    """Photographs in the plane; rows of ``x``, ``y``, ``colour`` (a number that the palette is cycled by), ``shape``,
    ``size``, and what the tooltip tells: ``image``, ``id``, ``identity``, ``species``, ``role`` and ``at 1``."""
    import altair as alt

    plain = alt.Axis(labels=False, ticks=False, title=None, grid=False, domain=False)
    x, y = (
        alt.X("x:Q", axis=plain, scale=alt.Scale(zero=False)),
        alt.Y("y:Q", axis=plain, scale=alt.Scale(zero=False)),
    )
    colour = alt.Scale(domain=list(range(len(PALETTE))), range=PALETTE)
    shape = alt.Scale(domain=list(range(len(SHAPES))), range=list(SHAPES))
    told = [alt.Tooltip(f"{name}:N") for name in ("image", "id", "identity", "species", "role", "at 1")]
    mark = alt.Chart(rows()).mark_point(filled=True, opacity=0.75)
    return mark.encode(
        x=x,
        y=y,
        color=alt.Color("colour:N", scale=colour, legend=None),
        shape=alt.Shape("shape:N", scale=shape, legend=None),
        size=alt.Size("size:Q", scale=None, legend=None),
        tooltip=told,
    ).properties(width="container", height=560)
