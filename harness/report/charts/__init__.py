"""The charts of the report, one Vega-Lite specification each; a page holds the rows of data alone.

A room of charts is a module here with ``charts()``: name -> chart on the data source :data:`ROWS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
