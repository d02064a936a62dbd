"""The page of a row."""

from __future__ import annotations

from harness.leaderboard import heading
from harness.leaderboard.tables import percent
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.work import Work


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write a page for each ranking of one chapter."""
    crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table))
    for record in chapter.rankings:
        curve = [
            {
                "k": int(n[2:]),
                "name": record.backbone,
                "value": 100 * m.value,
                "low": 100 * (m.low or 0),
                "high": 100 * (m.high or 0),
            }
            for n, m in record.metrics.items()
            if n.startswith("R-") and n[2:].isdigit() and m.value is not None
        ]
        work.site.page(
            pages.page("row", record.cell),
            "row.html.jinja",
            record.backbone,
            crumbs,
            curve=curve,
            record=record,
            links=list(pages.links(record.cell)),
            percent=percent,
        )
