"""Progress: a bar for the grid and one for the stage in work, with time left; plain lines without a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Quiet:
    """Stands where :class:`Bars` would, and tells nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def grid(self, cells: int) -> None:
        """Begin a grid."""

    def cell(self, line: str) -> None:
        """One cell has ended."""

    def stage(self, name: str) -> None:
        """Name the stage."""

    def start(self, total: int, unit: str) -> None:
        """Begin a piece of work."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Go on."""


class Bars:
    """Rich bars on the error stream, or a line every few seconds where that is no terminal.

    Use it as a context manager; :meth:`grid` and :meth:`cell` move the outer bar, a stage the inner one.
    """

    def __init__(self, console: Console, every: float = 15.0) -> None:
        self.console, self.every = console, every
        self.live = console.is_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.bars = Progress(*columns, console=console, disable=not self.live, transient=True)
        self._outer: TaskID | None = None
        self._inner: TaskID | None = None
        self._stage, self._unit, self._total, self._done, self._began, self._told = "", "", 0, 0, 0.0, 0.0

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def grid(self, cells: int) -> None:
        """Begin a grid of so many cells."""
        self._outer = self.bars.add_task("cells", total=cells, note="")

    def cell(self, line: str) -> None:
        """One cell has ended; ``line`` is printed above the bars."""
        if self._outer is not None:
            self.bars.advance(self._outer)
        self.console.print(line, highlight=False, soft_wrap=True)

    def stage(self, name: str) -> None:
        """Name the stage whose work comes next."""
        self._stage = name

    def start(self, total: int, unit: str) -> None:
        """Begin a piece of work of ``total`` units."""
        if self._inner is not None:
            self.bars.remove_task(self._inner)
        self._inner = self.bars.add_task(escape(f"{self._stage} ({unit})".strip()), total=total, note="")
        self._total, self._done, self._began = total, 0, time.monotonic()
        self._told = self._began
        self._unit = unit

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more units are done."""
        if self._inner is not None:
            self.bars.update(self._inner, advance=n, note=escape(note))
        self._done += n
        now = time.monotonic()
        if not self.live and now - self._told >= self.every:
            self._told = now
            left = (now - self._began) * (self._total - self._done) / max(self._done, 1)
            stage = f"{self._stage}: " if self._stage else ""
            told = f"  {stage}{self._done}/{self._total} {self._unit}, {left:.0f} s left {note}"
            self.console.print(told.rstrip(), highlight=False, markup=False)
