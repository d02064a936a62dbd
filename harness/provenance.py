"""Where a number came from: package versions, platform, and the state of the code. No host name, no path."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "reid-harness",
    "torch",
    "torchvision",
    "timm",
    "kornia",
    "numpy",
    "opencv-python",
    "pillow",
    "pytorch-metric-learning",
)


@cache
def environment() -> dict[str, str]:
    """Versions of what decides numbers, the Python version and the kind of machine."""
    out = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "not installed"
    return out


@cache
def git_state() -> str:
    """Commit of the harness' own checkout, with ``+changes`` for uncommitted ones; empty for an installed wheel."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return ""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "harness", "plugins")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
