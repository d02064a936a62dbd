"""The leaderboard of a protocol."""

from __future__ import annotations

from harness.leaderboard import heading
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.work import Work


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the table of one chapter."""
    rows = [{"record": record, "page": pages.page("row", record.cell)} for record in chapter.rankings]
    title = heading(chapter.first)
    work.site.page(pages.table, "leaderboard.html.jinja", title, ((TITLE, HOME),), rows=rows)
