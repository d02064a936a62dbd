"""A report of a small herd, made once for all test processes, and a headless Chromium to look at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from support import REPORTED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from harness.report.chapter import Chapter

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(os.environ.get("HARNESS_SCREENSHOTS", ROOT / "build" / "screenshots"))
NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Made:
    """A report, the folder of its pages, and what it was made from."""

    out: Path
    results: Path
    store: Path
    told: dict[str, Any]

    @property
    def chapter(self) -> str:
        """The folder of its one chapter."""
        return next(path.parent.name for path in self.out.glob("*/index.html"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The report of a grid of several rules and a matcher on the herd, with masks."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "reported"
    with FileLock(f"{shared}.lock"):
        told = shared / "told.json"
        if not told.is_file():
            shutil.rmtree(shared, ignore_errors=True)
            shared.mkdir(parents=True)
            (shared / "grid.toml").write_text(REPORTED)
            _harness(shared, "run", "--grid", "grid.toml", "--quiet")
            told.write_text(_harness(shared, "report", "--json"))
    return Made(shared / "report", shared / "results", shared / "store", json.loads(told.read_text()))


def _harness(folder: Path, *words: str) -> str:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *words]
    own = {"HARNESS_STORE": str(folder / "store"), "HARNESS_OFFLINE": "1", "HARNESS_DEVICE": "cpu", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **own}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def chapter(made: Made) -> Chapter:
    """What the report knows of its one protocol."""
    from harness.progress import Quiet
    from harness.registry import Registry
    from harness.report.chapter import chapters
    from harness.results import Results
    from harness.store import Store

    (found,) = chapters(Results(made.results), Store(made.store), Registry.load(), Quiet())
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in which nothing may go wrong: no error on its console, no request that leaves the disk."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    wrong: list[str] = []
    page = context.new_page()
    page.on("console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda asked: wrong.append(f"{asked.url} failed"))
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url.split(":")[0] not in LOCAL else None)
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert not wrong, wrong


LOCAL = ("file", "data", "blob", "about")


@pytest.fixture
def opened(page: Page, made: Made) -> Callable[[str], Page]:
    """Open a page of the report by its path in the site, and wait until its charts are drawn."""

    def open_page(path: str) -> Page:
        page.goto(f"{made.out.as_uri()}/{path}")
        drawn(page)
        return page

    return open_page


def drawn(page: Page) -> None:
    """Wait for the charts that a page draws by itself."""
    page.wait_for_function(
        "[...document.querySelectorAll('figure[data-chart]')]"
        ".every(f => f.dataset.drawn || !f.querySelector('script[type=\"application/json\"]'))"
    )


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Check a page with axe: no violation of WCAG 2.2 A or AA, nor of axe's best practices."""

    def check(page: Page) -> None:
        from axe_playwright_python.sync_playwright import Axe

        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        only = {"type": "tag", "values": tags}
        # without preload: a page from disk may not fetch its own style sheet
        found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"], "preload": False})
        told = [
            f"{fault['id']}: {fault['help']}: {[node['html'][:200] for node in fault['nodes'][:3]]}"
            for fault in found.response["violations"]
        ]
        assert not told, "\n".join(told)

    return check


@pytest.fixture
def shot(page: Page) -> Callable[[str], None]:
    """Keep a screenshot of the whole page under a name."""

    def take(name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)

    return take
