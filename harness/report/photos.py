"""Photographs in small: made once, kept in the store by their content, and no more of them than was asked for."""

from __future__ import annotations

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.contracts import Progress
from harness.device import cores
from harness.disk import explained, mark_used, write_atomically
from harness.errors import DataError
from harness.images import read_image
from harness.report.site import Site
from harness.store import Store
from harness.table import ImageTable

THUMBNAIL, PICTURE = 128, 640
"""Longest side in pixels: in lists, and where matches are drawn."""
QUALITY = 70
HEAD = 20
"""Letters of a photograph's digest that name it in the site."""


class Photos:
    """Small copies of photographs in the site.

    Args:
        most: how many photographs are shown at all; those asked for later are not.

    Attributes:
        damaged: digest -> what is wrong, of photographs that cannot be decoded.
        refused: how often one was asked for that is not shown for being too many.
    """

    def __init__(self, site: Site, store: Store, most: int) -> None:
        self.site, self.store, self.most = site, store, most
        self._shown: dict[str, set[int]] = {}
        self.damaged: dict[str, str] = {}
        self.refused = 0

    @property
    def shown(self) -> int:
        """How many photographs are shown so far."""
        return len(self._shown)

    @property
    def full(self) -> bool:
        """Whether no other photograph can be shown."""
        return len(self._shown) >= self.most

    def thumbnail(self, table: ImageTable, row: int) -> str:
        """Where the small copy of a row's photograph lies in the site; empty where it is not shown: it cannot be
        decoded, or there are too many."""
        return self._shown_as(table, row, THUMBNAIL)

    def picture(self, table: ImageTable, row: int) -> str:
        """As :meth:`thumbnail`, large enough to draw matches on."""
        return self._shown_as(table, row, PICTURE)

    def head(self, table: ImageTable, row: int) -> str:
        """What ``reid.photo`` makes the address of a thumbnail of; empty where it is not shown."""
        return str(table.digest[row])[:HEAD] if self.thumbnail(table, row) else ""

    def prepare(self, wanted: Iterable[tuple[ImageTable, int]], progress: Progress) -> None:
        """Make the thumbnails of these rows side by side, in their order, until there are too many."""
        new: dict[str, Path] = {}
        for table, row in wanted:
            if len(self._shown) + len(new) >= self.most:
                break
            digest = str(table.digest[row])
            if digest not in self._shown and digest not in self.damaged:
                new[digest] = table.root / str(table.path[row])
        progress.start(len(new), "photographs")
        with ThreadPoolExecutor(cores()) as pool:
            for digest, content in zip(new, pool.map(self._tried, new.values(), new), strict=True):
                if content is not None:
                    self._put(digest, THUMBNAIL, content)
                progress.advance()

    def _tried(self, photograph: Path, digest: str) -> bytes | None:
        try:
            return self._small(photograph, digest, THUMBNAIL)
        except DataError as error:
            self.damaged[digest] = error.problem.replace(f"{photograph.parent}/", "")
            return None

    def _shown_as(self, table: ImageTable, row: int, side: int) -> str:
        digest = str(table.digest[row])
        sides = self._shown.get(digest)
        if digest in self.damaged:
            return ""
        if sides is None and self.full:
            self.refused += 1
            return ""
        if sides is None or side not in sides:
            photograph = table.root / str(table.path[row])
            try:
                self._put(digest, side, self._small(photograph, digest, side))
            except DataError as error:
                self.damaged[digest] = error.problem.replace(f"{photograph.parent}/", "")
                return ""
        return _path(digest, side)

    def _put(self, digest: str, side: int, content: bytes) -> None:
        self.site.write(_path(digest, side), content)
        self._shown.setdefault(digest, set()).add(side)

    def _small(self, photograph: Path, digest: str, side: int) -> bytes:
        kept = self.store.root / "thumbnails" / str(side) / digest[:2] / f"{digest}.webp"
        if kept.is_file():
            mark_used(kept)
            return kept.read_bytes()
        content = shrunk(photograph, side)
        with explained(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, content)
        return content


def _path(digest: str, side: int) -> str:
    return f"photos/{side}/{digest[:2]}/{digest[:HEAD]}.webp"


def shrunk(photograph: Path, side: int) -> bytes:
    """A photograph as WebP, upright, its longest side at most ``side`` pixels.

    Raises:
        DataError: it is missing or cannot be decoded.
    """
    from PIL import Image as Pil

    picture = Pil.fromarray(read_image(photograph))
    picture.thumbnail((side, side), Pil.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()
