"""What a report knows of a protocol: its rows, and what the store still has of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.progress import Quiet
from harness.registry import Registry
from harness.report.asked import asked_path, letters, outcome_path, write
from harness.report.chapter import Chapter, chapters
from harness.report.contents import contents
from harness.report.limits import Limits
from harness.report.photos import Photos
from harness.report.site import Site
from harness.report.work import Work
from harness.results import Results
from harness.store import Store

if TYPE_CHECKING:
    from conftest import Made

pytestmark = pytest.mark.slow


def opened(made: Made, store: Path | None = None) -> Chapter:
    (chapter,) = chapters(Results(made.results), Store(store or made.store), Registry.load(), Quiet())
    return chapter


def test_rankings_stand_for_the_rows_that_share_them(chapter: Chapter) -> None:
    own = [record for record in chapter.rankings if record.kind == "cell"]
    assert len(own) == 6, "two losses, each alone and re-ranked in two ways"
    assert all(len(chapter.rules(record)) == 4 for record in own)
    assert {rule.cell for record in own for rule in chapter.rules(record)} == {
        record.cell for record in chapter.records if record.kind == "cell"
    }
    reference = next(record for record in chapter.rankings if record.kind == "reference")
    assert chapter.rules(reference) == []
    assert chapter.replay(reference) is None


def test_every_row_is_read_back_with_the_ranking_of_its_record(chapter: Chapter) -> None:
    from harness.record import ranking_digest

    assert chapter.lacking == ""
    for record in chapter.records:
        if record.kind == "cell":
            replay = chapter.replay(record)
            assert replay is not None
            assert ranking_digest(replay.final) == record.ranking


def test_a_store_without_the_rows_is_told(made: Made, tmp_path: Path) -> None:
    chapter = opened(made, tmp_path / "empty")
    assert chapter.data is None
    assert "nothing of these rows" in chapter.lacking
    pages = contents(chapter, Limits())
    assert (pages.queries, pages.matches, pages.openset, dict(pages.atlases)) == ((), (), (), {})
    cells = [record.cell for record in chapter.rankings if record.kind == "cell"]
    assert all("run its grid again" in pages.lacking[cell] for cell in cells)


def test_a_data_set_that_is_gone_or_changed_is_told(made: Made, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made.store, tmp_path / "store"))
    trace = next((root / "traces").glob("*/*.json"))
    plain = json.loads(trace.read_text())
    plain["recipe"]["protocol"]["split_seed"] = 5
    for path in (root / "traces").glob("*/*.json"):
        path.write_text(json.dumps({**plain, "ranking": json.loads(path.read_text())["ranking"]}))
    assert "has changed" in opened(made, root).lacking
    plain["recipe"]["protocol"]["dataset"] = "folder[root=/nowhere]"
    for path in (root / "traces").glob("*/*.json"):
        path.write_text(json.dumps({**plain, "ranking": json.loads(path.read_text())["ranking"]}))
    assert "nowhere" in opened(made, root).lacking


def test_the_best_rankings_come_first_where_not_all_fit(chapter: Chapter) -> None:
    queries = len(chapter.queries or ())
    pages = contents(chapter, Limits(answers=2 * queries + 1, atlases=1))
    own = [record.cell for record in chapter.rankings if record.kind == "cell"]
    assert pages.queries == tuple(own[:2])
    assert "2 best" in pages.lacking[own[2]]
    assert set(pages.openset) == set(own), "these are small"
    assert len(set(pages.atlases.values())) == 1
    assert contents(chapter, Limits(answers=1)).queries == tuple(own[:1])
    bare = contents(chapter, Limits(thumbnails=0))
    assert bare.matches == ()
    assert bare.queries


def test_without_its_queries_a_protocol_has_no_pages_of_them(chapter: Chapter) -> None:
    pages = contents(replace(chapter, queries=None), Limits())
    assert (pages.queries, pages.openset, pages.matches) == ((), (), ())
    assert all("were not kept" in pages.lacking[record.cell] for record in chapter.rankings)
    assert len(pages.rows) == len(chapter.rankings)


def test_a_ranking_that_the_store_has_lost_is_lacking(made: Made, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made.store, tmp_path / "store"))
    shutil.rmtree(root / "values" / "fuse")
    chapter = opened(made, root)
    pages = contents(chapter, Limits())
    fused = [r.cell for r in chapter.rankings if r.fusion != "none" and r.kind == "cell"]
    assert not set(pages.queries) & set(fused)
    assert all("no longer" in pages.lacking[cell] for cell in fused)
    assert len(pages.queries) == 2


def test_queries_and_outcomes_are_written_as_the_records_have_them(chapter: Chapter, tmp_path: Path) -> None:
    from harness.record import unpack_hits

    site = Site(tmp_path / "site")
    work = Work(site, Photos(site, chapter.store, 0), Limits(), Quiet())
    pages = contents(chapter, Limits())
    write(work, chapter, pages)
    asked = chapter.queries
    assert asked is not None

    def taken(path: str) -> dict[str, list[int]]:
        text = (site.root / path).read_text()
        read: dict[str, list[int]] = json.loads(text[len(f'reid.take("{path}", ') : -len(");\n")])
        return read

    told = taken(asked_path(pages))
    assert told["id"] == asked.image_id.tolist()
    assert [told["identities"][code] for code in told["identity"]] == asked.identity.tolist()
    assert told["known"] == letters(asked.known)
    assert 0 < told["known"].count("1") < len(asked)
    record = chapter.rankings[0]
    outcome = taken(outcome_path(pages, record.cell))
    assert outcome["hits"] == unpack_hits(record.first_hits).tolist()
    assert len(outcome["said"]) == len(asked)
