"""The folder of pages: templates filled in, data beside them, and the whole put in its place at once."""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness import __version__
from harness.disk import explained
from harness.errors import StoreError
from harness.leaderboard.differences import points
from harness.leaderboard.tables import percent

MARK = ".harness-report"
"""A file that says that a folder holds a report, and may be replaced by the next one."""
Crumbs = tuple[tuple[str, str], ...]
"""(text, page) of the pages above one, from the start page down; the paths are relative to the site's root."""


class Site:
    """Pages that are being written. Paths are relative to the site's root, with forward slashes.

    Attributes:
        sizes: page -> bytes, of the pages written so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sizes: dict[str, int] = {}
        loader = PackageLoader("harness.report")
        self._templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters |= {"percent": percent, "points": points, "json": script_json, "link": quote}

    def page(self, path: str, template: str, title: str, crumbs: Crumbs = (), **context: Any) -> None:
        """Write a page from ``templates/<template>``; what a template is handed is escaped where it is printed.

        Args:
            crumbs: the pages above it.
            context: what the template uses; it also gets ``root``, the way up to the site's root.
        """
        root = "../" * path.count("/")
        told = {"root": root, "path": path, "title": title, "crumbs": crumbs, "version": __version__}
        text = self._templates.get_template(template).render(**told, **context)
        self.sizes[path] = self.write(path, text.encode())

    def data(self, path: str, value: Any) -> None:
        """Write JSON that a page loads when it needs it: ``reid.load(path)``. A script, since a page that is opened
        from disk may not read other files."""
        self.write(path, f"reid.take({json.dumps(path)}, {script_json(value)});\n".encode())

    def write(self, path: str, content: bytes) -> int:
        """Write any file; the number of its bytes.

        Raises:
            StoreError: the disk is full, or cannot be written.
        """
        target = self.root / path
        with explained(target, "report", "--out"):
            target.parent.mkdir(parents=True, exist_ok=True)
            return target.write_bytes(content)


def script_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no ``<`` ends it, whatever text from data says."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - every letter that means something in HTML is gone


@contextlib.contextmanager
def building(out: Path) -> Iterator[Site]:
    """A site that takes the place of ``out`` when the block has ended well; otherwise ``out`` stays as it is.

    Raises:
        StoreError: ``out`` is there and is no report, or cannot be written.
    """
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise StoreError(f"{out} is there and holds no report", "Give another --out, or remove it yourself.")
    out = out.absolute()
    fresh, old = (out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.{kind}") for kind in ("new", "old"))
    with explained(out, "report", "--out"):
        fresh.mkdir(parents=True)
    try:
        site = Site(fresh)
        site.write(MARK, b"Made by harness report, which replaces this folder.\n")
        yield site
        with explained(out, "report", "--out"):
            if out.exists():
                out.rename(old)
            fresh.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        for folder in (fresh, old):
            shutil.rmtree(folder, ignore_errors=True)


def plain(mapping: Mapping[str, Any]) -> dict[str, str]:
    """Settings as text for a table."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in mapping.items()}
