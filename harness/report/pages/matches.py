"""The matches of a ranking."""

from __future__ import annotations

from harness.report.chapter import Chapter
from harness.report.contents import Contents
from harness.report.work import Work


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the pages of this kind of one chapter."""
