"""The whole report: its assets, and every chapter room by room."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from harness.errors import DataError
from harness.registry import Registry
from harness.report import asked
from harness.report.chapter import Chapter, chapters
from harness.report.charts.library import library
from harness.report.contents import Contents, contents
from harness.report.limits import Limits
from harness.report.pages import atlas, audits, compare, home, leaderboard, matches, openset, queries, row
from harness.report.photos import Photos
from harness.report.site import Site, building
from harness.report.work import Work
from harness.results import Results
from harness.stopwatch import StageProgress
from harness.store import Store


class Room(Protocol):
    """A module that writes one kind of page."""

    def write(self, work: Work, chapter: Chapter, pages: Contents) -> None:
        """Write the pages of this kind of one chapter."""


ROOMS: tuple[Room, ...] = (asked, leaderboard, row, queries, matches, openset, compare, audits, atlas)


@dataclass(frozen=True)
class Written:
    """What a report has come to: its pages and bytes, the biggest page with the assets that it loads, and what a reader
    should know."""

    pages: int
    bytes: int
    biggest: tuple[str, int]
    photographs: int
    notes: tuple[str, ...]


def write(
    out: Path, results: Results, store: Store, registry: Registry, limits: Limits, progress: StageProgress
) -> Written:
    """Write the report into ``out``, which may hold an older one.

    Raises:
        DataError: there are no records, or they cannot be read; StoreError: ``out`` cannot be written.
    """
    with building(out) as site:
        found = chapters(results, store, registry, progress)
        if not found:
            raise DataError(f"there are no records in {results.root}", "Make some: harness run --grid")
        work = Work(site, Photos(site, store, limits.thumbnails), limits, progress)
        bound = [(chapter, contents(chapter, limits)) for chapter in found]
        _assets(site)
        home.write(work, bound)
        for chapter, pages in bound:
            for room in ROOMS:
                room.write(work, chapter, pages)
        return _written(work, bound)


def _assets(site: Site) -> None:
    for asset in files("harness.report").joinpath("assets").iterdir():
        site.write(f"assets/{asset.name}", asset.read_bytes())
    site.write("assets/charts.js", library().encode())


def _written(work: Work, bound: list[tuple[Chapter, Contents]]) -> Written:
    site, photos = work.site, work.photos
    total = sum(path.stat().st_size for path in site.root.rglob("*") if path.is_file())
    shared = sum(path.stat().st_size for path in (site.root / "assets").iterdir())
    name, size = max(site.sizes.items(), key=lambda page: page[1])
    notes = [
        f"{chapter.folder}: no queries and no pictures: {chapter.lacking}" for chapter, _ in bound if chapter.lacking
    ]
    notes += list(photos.damaged.values())
    if photos.refused and work.limits.thumbnails:
        notes.append(f"{photos.most} photographs are shown, and no more: raise it with --photographs")
    return Written(len(site.sizes), total, (name, size + shared), photos.shown, tuple(notes))
