"""Two rows side by side: how they differ per query, and whether that is a finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.fingerprint import code_hash, digest
from harness.leaderboard import heading
from harness.leaderboard.differences import comparable
from harness.leaderboard.tables import FIRST
from harness.metrics.intervals import Estimate
from harness.metrics.ranking import within
from harness.metrics.significance import Paired, compare, holm
from harness.record import RunRecord, unpack_hits
from harness.report.asked import asked_path, outcome_path
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.pages.leaderboard import untested
from harness.report.pages.row import curve, percents, title
from harness.report.work import Work
from harness.results import Queries
from harness.store import Key, Value

CODE = ("harness.metrics.significance", "harness.metrics.intervals")
Pair = tuple[RunRecord, RunRecord]


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the page of one chapter, and its tests beside it."""
    rows = [row for row in chapter.rankings if comparable(row, chapter.queries)]
    pairs = chosen(rows, chapter, work.limits.compared)
    tests = f"{pages.folder}/data/tests.js"
    work.site.data(tests, _tested(work, chapter, pairs))
    facts = [
        {
            "cell": row.cell,
            "title": title(row),
            "r1": percents(row.metrics[FIRST]),
            "curve": curve(row, title(row)),
            "row": pages.page("row", row.cell),
            "outcome": outcome_path(pages, row.cell),
            "queries": pages.page("queries", row.cell) if row.cell in pages.queries else "",
        }
        for row in rows
    ]
    data = {"rows": facts, "asked": asked_path(pages), "tests": tests, "comparisons": len(pairs)}
    crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table))
    work.site.page(
        pages.compare, "compare.html.jinja", "Compare two rows", crumbs, data=data, note=untested(chapter), pages=pages
    )


def chosen(rows: Sequence[RunRecord], chapter: Chapter, best: int) -> list[Pair]:
    """The pairs that are tested: the best rows with each other, and every re-ranked row with its coarse ranking."""
    known = {row.cell for row in rows}
    first = [row for row in rows if row.kind != "reference"][:best]
    pairs = {(a.cell, b.cell): (a, b) for place, a in enumerate(first) for b in first[place + 1 :]}
    for difference in chapter.tests.coarse.values():
        a, b = difference.row, difference.other
        if a.cell in known and b.cell in known and (b.cell, a.cell) not in pairs:
            pairs.setdefault((a.cell, b.cell), (a, b))
    return list(pairs.values())


def _tested(work: Work, chapter: Chapter, pairs: Sequence[Pair]) -> dict[str, Any]:
    """``CELL CELL`` -> the paired test of the first against the second, p corrected for all of them (Holm)."""
    asked = chapter.queries
    if asked is None or not pairs or not asked.known.any():
        return {}
    work.progress.stage("compare")
    work.progress.start(len(pairs), "pairs of rows")
    found = []
    for pair in pairs:
        found.append(paired(chapter, asked, pair, len(pairs)))
        work.progress.advance()
    corrected = holm([test.p_identity for test in found])
    return {
        f"{a.cell} {b.cell}": {**_plain(test), "p": p} for (a, b), test, p in zip(pairs, found, corrected, strict=True)
    }


def _plain(test: Paired) -> dict[str, Any]:
    found = test.difference
    return {
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "better": test.better,
        "worse": test.worse,
        "mcnemar": test.p_mcnemar,
    }


def paired(chapter: Chapter, asked: Queries, pair: Pair, comparisons: int) -> Paired:
    """The paired test of two rows on known queries; kept in the store, since a report is made more than once."""
    identity = asked.identity[asked.known]
    outcomes = [row.first_hits for row in pair]
    parts = {
        "code": [code_hash(name) for name in CODE],
        "queries": digest([asked.image_id.tolist(), asked.identity.tolist(), asked.known.tolist()]),
        "outcomes": outcomes,
        "comparisons": comparisons,
    }
    key = Key("compare", parts)
    kept = chapter.store.read(key)
    if kept is not None:
        return Paired(Estimate(**kept.info["difference"]), *(kept.info[name] for name in ("better", "worse", "p", "m")))
    first, second = (within(unpack_hits(hits), 1)[asked.known] for hits in outcomes)
    test = compare(first, second, identity, comparisons)
    info = {"difference": test.difference.as_dict(), "better": test.better, "worse": test.worse}
    chapter.store.write(key, Value({}, {**info, "p": test.p_identity, "m": test.p_mcnemar}))
    return test
