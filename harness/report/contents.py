"""Which pages a report has and what they are called, known before any is written, so that pages can name each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.leaderboard.differences import comparable
from harness.record import RunRecord
from harness.report.chapter import Chapter
from harness.report.limits import Limits

HOME = "index.html"
TITLE = "Re-identification report"


@dataclass(frozen=True)
class Contents:
    """The pages of one chapter. ``cell`` is that of the row that stands for a ranking, see :attr:`Chapter.rankings`.

    Attributes:
        folder: where they lie.
        rows: cells with a page of their own.
        queries, matches, openset: cells whose queries can be browsed, whose matches are drawn, whose rules are shown.
        atlases: cell -> digest of the embedding that has an atlas; several cells may share one.
        lacking: cell -> why its queries cannot be browsed.
    """

    folder: str
    rows: tuple[str, ...]
    queries: tuple[str, ...]
    matches: tuple[str, ...]
    openset: tuple[str, ...]
    atlases: Mapping[str, str]
    lacking: Mapping[str, str]

    @property
    def table(self) -> str:
        """The leaderboard's page."""
        return f"{self.folder}/index.html"

    @property
    def compare(self) -> str:
        """The page on which two rows are compared; it reads ``#a=CELL&b=CELL``."""
        return f"{self.folder}/compare.html"

    @property
    def audits(self) -> str:
        """The page of the audits."""
        return f"{self.folder}/audits.html"

    def page(self, kind: str, cell: str) -> str:
        """A page of one ranking: ``row``, ``queries``, ``matches`` or ``openset``; ``atlas``, of its embedding."""
        name = self.atlases[cell][:16] if kind == "atlas" else cell
        return f"{self.folder}/{kind}-{name}.html"

    def links(self, cell: str) -> Iterator[tuple[str, str]]:
        """(what it is, page) of every page of a ranking that there is."""
        kinds = {
            "row": ("Row", self.rows),
            "queries": ("Queries", self.queries),
            "matches": ("Matches", self.matches),
            "openset": ("Known or new", self.openset),
            "atlas": ("Atlas", self.atlases),
        }
        return ((text, self.page(kind, cell)) for kind, (text, cells) in kinds.items() if cell in cells)


def contents(chapter: Chapter, limits: Limits) -> Contents:
    """The pages of a chapter within the limits; the best rankings first where not all fit."""
    rankings, lacking = chapter.rankings, dict[str, str]()
    most = max(1, limits.answers // max(len(chapter.queries or ()), 1))
    browsed, matches, openset, atlases = list[str](), list[str](), list[str](), dict[str, str]()
    for record in rankings:
        replay = chapter.replay(record)
        if not comparable(record, chapter.queries):
            lacking[record.cell] = "its queries were not kept, or are others than the protocol's; run its grid again"
            continue
        if replay is None or not replay.there():
            lacking[record.cell] = _reason(record, chapter, replay is not None)
            continue
        digest = replay.trace.keys["embed"]
        if digest in atlases.values() or len(set(atlases.values())) < limits.atlases:
            atlases[record.cell] = digest
        if chapter.rules(record):
            openset.append(record.cell)
        if len(browsed) == most:
            lacking[record.cell] = f"the {most} best rankings have their queries shown, and this is none of them"
            continue
        browsed.append(record.cell)
        if replay.has("match") and limits.pairs and limits.thumbnails:
            matches.append(record.cell)
    rows = tuple(record.cell for record in rankings)
    return Contents(
        chapter.folder, rows, tuple(browsed), tuple(matches), tuple(openset), atlases if limits.points else {}, lacking
    )


def _reason(record: RunRecord, chapter: Chapter, kept: bool) -> str:
    if record.kind != "cell":
        return "it was not ranked by a grid" if record.kind == "imported" else "it is a row to compare with"
    again = "run its grid again with this store: what is kept there is not computed again"
    if kept:
        return f"the store no longer has its ranking; {again}"
    return f"{chapter.lacking or 'this store has not its ranking, or one of its plugins is not installed'}; {again}"
