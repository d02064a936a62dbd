"""Starting is light: help, lists and a broken plugin import no heavy package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "kornia",
    "cv2",
    "pandas",
    "sklearn",
    "scipy",
    "matplotlib",
    "imagehash",
    "pywt",
)
WRAPPER = """
import json, sys
from harness.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def imported(folder: Path, *words: str) -> tuple[int, set[str], subprocess.CompletedProcess[str]]:
    """Exit code and top-level modules of ``harness ...`` in a process of its own, with what it printed."""
    command = [sys.executable, "-c", WRAPPER, *words]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=120)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules), done


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("run", "--help"),
        ("plan", "--help"),
        ("leaderboard", "--help"),
        ("plugins", "list"),
        ("plugins", "list", "--json"),
        ("leaderboard",),
        ("cache", "ls"),
        ("run", "--grid", "no-such-grid"),
    ],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, modules, done = imported(tmp_path, *words)
    assert code == (1 if "no-such-grid" in words else 0), done.stderr
    assert not modules & set(HEAVY)
    assert "click" in modules  # the list is that of the command, not of an empty process
    assert "Traceback" not in done.stderr


def test_the_wrapper_would_see_a_heavy_import(tmp_path: Path) -> None:
    plugin = tmp_path / "heavy.py"
    plugin.write_text("import scipy\n")
    assert "scipy" in imported(tmp_path, "plugins", "list", "--plugin", "heavy.py")[1]


def test_a_broken_plugin_is_listed_with_its_error_and_costs_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "sad.py").write_text("raise RuntimeError('sad to say')\n")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(7)\n")
    named = ("--plugin", "sad.py", "--plugin", "exits.py")
    code, modules, done = imported(tmp_path, "plugins", "list", "--json", *named)
    assert code == 0
    assert not modules & set(HEAVY)
    status = {row["name"]: row["status"] for row in json.loads(done.stdout)}
    assert status["sad"] == "broken: RuntimeError: sad to say"
    assert status["exits"] == "broken: SystemExit: 7"
    assert status["mutual-nn"] == "ok"
    assert done.stderr.count("is broken and left out") == 2
    assert "sad to say" in imported(tmp_path, "plugins", "list", *named)[2].stdout


def test_the_library_itself_is_light() -> None:
    code = (
        "import sys, harness, harness.runner, harness.grid; print(' '.join({n.partition('.')[0] for n in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not set(done.stdout.split()) & set(HEAVY)
