"""The start page: the protocols, and what the report has of each."""

from __future__ import annotations

from collections.abc import Sequence

from harness.leaderboard import heading, policy
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.work import Work


def write(work: Work, bound: Sequence[tuple[Chapter, Contents]]) -> None:
    """Write the start page."""
    shown = [
        {"title": heading(chapter.first), "policy": policy(chapter.first), "page": pages.table, "chapter": chapter}
        for chapter, pages in bound
    ]
    work.site.page(HOME, "home.html.jinja", TITLE, chapters=shown)
