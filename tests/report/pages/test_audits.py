"""The audits' page: pairs of leaks shown, the background audit drawn, a damaged one told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from audited import FOUND

from harness.audit.kept import keep
from harness.audit.leaks import LeakPair, Leaks
from harness.progress import Quiet
from harness.report.chapter import Chapter
from harness.report.contents import contents
from harness.report.limits import Limits
from harness.report.pages.audits import SHOWN, shown, versions, write
from harness.report.photos import Photos
from harness.report.site import Site
from harness.report.work import Work

pytestmark = pytest.mark.slow


@pytest.fixture
def written(chapter: Chapter, tmp_path: Path) -> Callable[[Chapter], str]:
    def text(of: Chapter) -> str:
        site = Site(tmp_path / "site")
        pages = contents(of, Limits())
        write(Work(site, Photos(site, of.store, 100), Limits(), Quiet()), of, pages)
        return (site.root / pages.audits).read_text()

    return text


def test_a_kept_background_audit_is_shown(chapter: Chapter, written: Callable[[Chapter], str], tmp_path: Path) -> None:
    of = replace(chapter, results=tmp_path)
    assert "Nobody has looked yet" in written(of)
    path = keep(tmp_path, replace(FOUND, protocol_hash=chapter.first.protocol_hash))
    text = written(of)
    assert "Nobody has looked yet" not in text
    assert "net + none" in text
    assert "no weights" in text
    assert "3 of 4" in text
    path.write_text("{")
    assert path.name in written(of)


def test_a_copy_across_the_split_is_shown_and_told_to_be_two_individuals(
    chapter: Chapter, written: Callable[[Chapter], str]
) -> None:
    assert chapter.data is not None
    table = chapter.data.table
    query, gallery = int(np.flatnonzero(table.role == "query")[0]), int(np.flatnonzero(table.role == "train")[-1])
    assert table.identity[query] != table.identity[gallery]
    digest = table.digest.copy()
    digest[query] = digest[gallery]
    copied = replace(chapter, data=replace(chapter.data, table=table.with_columns(digest=digest)))
    text = written(copied)
    assert "1 pairs; 1 are shown" in text
    assert "said to be two individuals" in text
    assert text.count("<img") == 2


def test_without_the_data_the_records_still_tell(chapter: Chapter, written: Callable[[Chapter], str]) -> None:
    text = written(replace(chapter, data=None, lacking="this store has nothing of these rows"))
    assert "The pairs cannot be shown: this store has nothing of these rows" in text
    assert "0 of 40 queries have a leak" in text


def test_every_kind_of_leak_has_its_part_of_the_pairs() -> None:
    pairs = tuple(
        LeakPair(kind, n, n, 0) for kind, count in (("bytes", 100), ("near", 3), ("group", 100)) for n in range(count)
    )
    found: Any = SimpleNamespace(pairs=pairs)
    kinds = [pair.kind for pair in shown(found)]
    assert len(kinds) == SHOWN
    assert kinds.count("near") == 3
    assert kinds.count("group") >= SHOWN // 4
    assert shown(Leaks({}, ())) == []


def test_versions_have_a_row_for_each_system() -> None:
    rows = versions(FOUND)
    assert {(row["name"], row["version"]) for row in rows} == {
        (name, version) for name in ("net + none", "mutual-nn") for version in ("original", "animal hidden")
    }
    assert rows[0]["value"] == 50.0
