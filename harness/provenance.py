"""Where a number came from: package versions, platform, and the state of the code. No host name, no path."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.weights import compute_device

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


NUMERIC = (*(name for name in PACKAGES if name != "reid-harness"), "machine", "device", "cpu", "threads")
"""What may change the last digit of a number while the code stays the same."""


def environment() -> dict[str, str]:
    """Versions of what decides numbers, the Python version, the kind of machine, and where and how wide it computes."""
    return {**_versions(), **_computing()}


def _computing() -> dict[str, str]:
    """The device, the instructions that torch uses on this CPU, and its threads: sums are rounded by these."""
    import torch

    device = compute_device()
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return {"device": name, "cpu": torch.backends.cpu.get_cpu_capability(), "threads": str(torch.get_num_threads())}


@cache
def _versions() -> dict[str, str]:
    out = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "not installed"
    return out


COMMIT = "COMMIT"
"""A file beside a snapshot of the code: the state of the checkout that it was copied from."""


@cache
def git_state() -> str:
    """Commit of the harness' own checkout, with ``+changes`` for uncommitted ones; empty for an installed wheel."""
    folder = Path(__file__).resolve().parent.parent
    if (folder / COMMIT).is_file():
        return (folder / COMMIT).read_text().strip()
    if not (folder / ".git").exists():
        return ""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "harness", "plugins")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
