"""The errors that a user sees: what is wrong, then what to do about it, and no traceback."""

from __future__ import annotations


class HarnessError(Exception):
    """A failure with a cause that the user can mend.

    ``problem`` names the file, row or setting at fault; ``advice`` says what to do. ``str(error)`` is both.
    """

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem, advice)
        self.problem = problem
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.problem}\n  {self.advice}" if self.advice else self.problem


class DataError(HarnessError):
    """Metadata or images that cannot be used as they are."""


class GridError(HarnessError):
    """A grid file, a plugin reference or a setting that is not valid."""


class PluginError(HarnessError):
    """A plugin that is unknown, broken, ambiguous, or lacks a package."""


class StoreError(HarnessError):
    """A store that cannot be read or written."""


class CellFailed(HarnessError):
    """A stage that cannot finish for this cell (a NaN loss, say); the other cells of the grid go on."""


class ExecutorError(HarnessError):
    """An executor that cannot run jobs, or a run of jobs that cannot be read or steered."""
