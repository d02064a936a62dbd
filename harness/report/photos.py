"""Photographs in small: made once, kept in the store by their content, and no more of them than was asked for."""

from __future__ import annotations

import io
from pathlib import Path

from harness.disk import explained, write_atomically
from harness.errors import DataError
from harness.images import read_image
from harness.report.site import Site
from harness.store import Store
from harness.table import ImageTable

THUMBNAIL, PICTURE = 128, 640
"""Longest side in pixels: in lists, and where matches are drawn."""
QUALITY = 70


class Photos:
    """Small copies of photographs in the site.

    Args:
        most: how many photographs are shown at all; those asked for later are not.
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

    def thumbnail(self, table: ImageTable, row: int) -> str:
        """Where the small copy of a row's photograph lies in the site; empty where it is not shown: it cannot be
        decoded (see ``damaged``), or there are too many (see ``refused``)."""
        return self._shown_as(table, row, THUMBNAIL)

    def picture(self, table: ImageTable, row: int) -> str:
        """As :meth:`thumbnail`, large enough to draw matches on."""
        return self._shown_as(table, row, PICTURE)

    def _shown_as(self, table: ImageTable, row: int, side: int) -> str:
        digest = str(table.digest[row])
        path = f"photos/{side}/{digest[:2]}/{digest}.webp"
        sides = self._shown.get(digest)
        if digest in self.damaged or (sides is None and len(self._shown) >= self.most):
            self.refused += digest not in self.damaged
            return ""
        if sides is None or side not in sides:
            try:
                self.site.write(path, self._small(table.root / str(table.path[row]), digest, side))
            except DataError as error:
                self.damaged[digest] = error.problem
                return ""
            self._shown.setdefault(digest, set()).add(side)
        return path

    def _small(self, photograph: Path, digest: str, side: int) -> bytes:
        kept = self.store.root / "thumbnails" / str(side) / digest[:2] / f"{digest}.webp"
        if kept.is_file():
            return kept.read_bytes()
        content = shrunk(photograph, side)
        with explained(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, content)
        return content


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
