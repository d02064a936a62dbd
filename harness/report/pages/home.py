"""The start page: the protocols, the best row of each, and how many differences are findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.leaderboard import heading, policy
from harness.leaderboard.tables import FIRST
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.pages.leaderboard import untested
from harness.report.pages.row import title
from harness.report.work import Work


def write(work: Work, bound: Sequence[tuple[Chapter, Contents]]) -> None:
    """Write the start page."""
    work.site.page(HOME, "home.html.jinja", TITLE, chapters=[_told(*each) for each in bound])


def _told(chapter: Chapter, pages: Contents) -> dict[str, Any]:
    own = [record for record in chapter.rankings if record.kind != "reference" and FIRST in record.metrics]
    tests = chapter.tests
    up = sum(d.finding and (d.test.difference.value or 0) > 0 for d in tests.coarse.values())
    return {
        "title": heading(chapter.first),
        "policy": policy(chapter.first),
        "pages": pages,
        "rows": len(chapter.records),
        "rankings": sum(record.kind != "reference" for record in chapter.rankings),
        "best": {"title": title(own[0]), "page": pages.page("row", own[0].cell), "metric": own[0].metrics[FIRST]}
        if own
        else None,
        "equal": sum(not d.finding for d in tests.best.values() if own and d.other.cell == own[0].cell),
        "reranked": len(tests.coarse),
        "up": up,
        "down": sum(d.finding for d in tests.coarse.values()) - up,
        "untested": untested(chapter),
        "lacking": chapter.lacking,
    }
