"""Names that are markup are shown as text, on every page and in every file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import BACKBONE

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }} & '",
    "</script>",
    "javascript:alert(1)",
)
GRID = f"""
[grid]
name = "evil"
[protocol]
dataset = "wildlifereid10k[root=data]"
ks = [1, 5]
shortlist = 5
scope = "all"
validation_images = 0.1
validation_individuals = 0.2
leaks = ["bytes"]
[axes]
backbone = "{BACKBONE}"
matcher = "mutual-nn[max_keypoints=32]"
fusion = "replace"
openset = "never-new"
"""


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of individuals, images and species with such names."""
    import numpy as np
    from PIL import Image

    root = tmp_path_factory.mktemp("evil")
    (root / "data" / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["image_id,path,identity,species,dataset,split,orientation"]
    for number, name in enumerate([name for name in EVIL for _ in range(4)]):
        path = f"images/{number}.png"
        Image.fromarray(rng.integers(0, 255, (64, 80, 3), dtype=np.uint8)).save(root / "data" / path)
        quoted = '"' + name.replace('"', '""') + '"'
        split = "test" if number % 4 == 0 else "train"
        lines.append(f'{quoted[:-1]} {number}",{path},{quoted},{quoted},{quoted},{split},{quoted}')
    (root / "data" / "metadata.csv").write_text("\n".join(lines) + "\n")
    (root / "grid.toml").write_text(GRID)
    own = {**os.environ, "HARNESS_STORE": str(root / "store"), "HARNESS_OFFLINE": "1", "HARNESS_DEVICE": "cpu"}
    for words in (("run", "--grid", "grid.toml", "--quiet"), ("report",)):
        command = [sys.executable, "-c", "from harness.cli import main; main()", *words]
        done = subprocess.run(command, cwd=root, env=own, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    return root / "report"


def test_no_file_holds_a_name_as_markup(evil: Path) -> None:
    for path in evil.rglob("*"):
        if path.suffix in (".html", ".js") and path.parent.name != "assets":
            text = path.read_text()
            assert "<script>alert" not in text, path
            assert "<img src=x" not in text, path
            assert str(evil.parent) not in text, "a path of this machine"


def test_every_page_shows_names_as_text(evil: Path, page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a name was run: {dialog.message}"))
    kinds = {path.name.split("-")[0].removesuffix(".html"): path for path in sorted(evil.glob("*/*.html"))}
    assert set(kinds) == {"index", "row", "queries", "matches", "openset", "compare", "audits", "atlas"}
    for kind, path in kinds.items():
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")
        if kind in ("queries", "matches"):
            page.wait_for_function("document.body.textContent.includes('<script>alert(1)</script>')")
        if kind == "atlas":
            page.wait_for_selector("#atlas[data-drawn]")
            page.locator("#atlas .mark-symbol path").first.hover(force=True)
            page.locator("#vg-tooltip-element.visible").wait_for()
        assert page.evaluate("document.querySelectorAll('img[src=x], body script:not([type])').length") == 0, kind
