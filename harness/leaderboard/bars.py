"""Intervals as bars of characters, and a sign for rows like the best, for terminals with and without Unicode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.text import Text

from harness.record import Metric

EQUAL = "≈"
"""Before rows that are not significantly different from the best; ``~`` where a terminal has ASCII alone."""
CELLS = 16
"""Characters of a bar."""


class Signed(Text):
    """Text with :data:`EQUAL` in it, for a cell or the caption of a table."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        shown = self.copy()  # an ordinary text
        if options.ascii_only:
            shown.plain = shown.plain.replace(EQUAL, "~")
        yield from shown.__rich_console__(console, options)


@dataclass(frozen=True)
class Bar:
    """An interval on a scale from 0 to ``top``, the value marked on it; nothing where there is no interval."""

    metric: Metric | None
    top: float
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.drawn(options.ascii_only), style=self.style, no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(CELLS, CELLS)

    def drawn(self, plain: bool = False) -> str:
        """The bar, always of :data:`CELLS` characters; ``plain``: of ASCII ones."""
        metric = self.metric
        if metric is None or metric.value is None or metric.low is None or metric.high is None or not self.top:
            return " " * CELLS
        low, value, high = (round((CELLS - 1) * bound / self.top) for bound in (metric.low, metric.value, metric.high))
        line, dot = ("-", "o") if plain else ("─", "●")
        return "".join(dot if place == value else line if low <= place <= high else " " for place in range(CELLS))


def scale(metrics: list[Metric | None]) -> float:
    """The highest bound of all, where the bars of a column end."""
    return max((m.high for m in metrics if m and m.high is not None), default=0.0)
