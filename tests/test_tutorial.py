"""The tutorial works by its page alone: its files are written, its commands run in their order, as a newcomer would."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from blocks import ROOT, alone, parse

PAGE = ROOT / "docs" / "tutorial.md"
HARNESS = """#!{python}
from harness.cli import main

if __name__ == "__main__":  # processes that draw photographs import this file
    main()
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """``bin`` of an environment of its own that sees all packages of this one: what it installs stays in there."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    inner = next(folder.glob("lib/python*/site-packages"))
    seen = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (inner / "outer.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in seen))
    program = folder / "bin" / "harness"
    program.write_text(HARNESS.format(python=folder / "bin" / "python"))
    program.chmod(0o755)
    pip = folder / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m pip "$@"\n')
    pip.chmod(0o755)
    return folder / "bin"


@pytest.mark.slow
def test_a_newcomer_gets_through_by_the_page_alone(installed: Path, tmp_path: Path) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = {**alone(), **offline, "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    work = tmp_path / "tutorial"
    work.mkdir()
    ran = 0
    for example in parse(PAGE):
        block = example.region.lexemes
        if block.get("title"):
            (work / block["title"]).write_text(example.parsed, encoding="utf-8")
        if block.get("ends") is None:
            continue
        words = ["bash", "-euo", "pipefail", "-c", example.parsed]
        done = subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True, timeout=300)
        told = f"{PAGE.name}:{example.line} gave {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == block["ends"], told
        ran += 1
    assert ran == PAGE.read_text(encoding="utf-8").count("<!-- run") > 8
