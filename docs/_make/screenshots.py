"""The pictures of docs/report.md, taken of two reports: python docs/_make/screenshots.py REPORT HERD_REPORT

REPORT: of real photographs, for the pages that show none. HERD_REPORT: of the synthetic herd, for those that do, since
the licence of the real ones is unclear. Each is the folder that ``harness report`` wrote.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TARGET = Path(__file__).resolve().parents[1] / "report"
SIZE, PHONE = (1280, 900), (390, 800)
NUMBERS = ("table", "row", "compare", "openset")
PICTURES = ("queries", "matches", "audits", "atlas")
WORST = 60
"""Quality of the WebP pictures; text stays legible."""


def main(real: Path, herd: Path) -> None:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    TARGET.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for report, kinds in ((real, NUMBERS), (herd, PICTURES)):
            for kind in kinds:
                take(browser, report, kind, kind)
        take(browser, real, "table", "table-dark", theme="dark")
        take(browser, herd, "queries", "queries-phone", size=PHONE)
        browser.close()


def take(
    browser: Browser, report: Path, kind: str, name: str, size: tuple[int, int] = SIZE, theme: str = "light"
) -> None:
    """One picture of the first page of a kind."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, device_scale_factor=1)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    page.goto((report / first(report, kind)).absolute().as_uri())
    settled(page)
    save(page.screenshot(), TARGET / f"{name}.webp")
    page.close()


def first(report: Path, kind: str) -> str:
    """The page of a kind that shows most: the biggest."""
    pages = report.glob("*/index.html" if kind == "table" else f"*/{kind}*.html")
    return str(max(pages, key=lambda page: page.stat().st_size).relative_to(report))


def settled(page: Page) -> None:
    """Charts are drawn and pictures are there."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function("[...document.images].every(i => i.loading === 'lazy' || i.complete)")
    page.wait_for_timeout(500)


def save(png: bytes, path: Path) -> None:
    """As WebP, which is a quarter of the bytes."""
    from PIL import Image

    Image.open(io.BytesIO(png)).convert("RGB").save(path, "WEBP", quality=WORST, method=6)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
