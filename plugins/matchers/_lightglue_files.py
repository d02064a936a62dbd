"""LightGlue's files of weights: the official ones, this project's own, and which of them a setting means."""

from __future__ import annotations

from pathlib import Path

from harness.weights import find, unavailable

HUB = "https://huggingface.co/kornia/lightglue/resolve/main/"
OFFICIAL = {
    "sift": f"{HUB}sift_lightglue.pth",
    "disk": f"{HUB}disk_lightglue.pth",
    "aliked": f"{HUB}aliked_lightglue.pth",
    "xfeat": f"{HUB}xfeat-lighterglue.pt",
}
"""Features -> the official weights for them."""

HERD = "herd"
SHIPPED = {HERD: str(Path(__file__).parent / "weights" / "lightglue_sift_herd.safetensors")}
"""Word -> weights that ship with the harness: trained on the synthetic herd alone, see docs/lightglue.md."""
OFFICIAL_THRESHOLD, HERD_THRESHOLD = 0.1, 0.3
"""Least probability of a match. The shipped network is less sure of its right matches than the official ones; at 0.1
the matches of wrong pairs drown those of right ones (docs/lightglue.md)."""
SHIPPED_FOR = {"sift": HERD}
"""Features -> the shipped weights for them."""


def path_of(weights: str, family: str) -> Path:
    """The file that a setting means for these features, downloaded first where need be; raises as ``find`` does."""
    return find(SHIPPED.get(weights, weights), OFFICIAL[family])


def missing(weights: str, family: str) -> str | None:
    """Why :func:`path_of` would fail now, or None."""
    return unavailable(SHIPPED.get(weights, weights), OFFICIAL[family])


def best_of(family: str) -> str:
    """What ``auto`` stands for: the official weights, or the shipped ones where those cannot be had."""
    if family not in SHIPPED_FOR or missing("pretrained", family) is None:
        return "pretrained"
    return SHIPPED_FOR[family]
