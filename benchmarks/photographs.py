"""JPEG photographs to measure with: a folder of one's own, or the synthetic herd drawn large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from harness.registry import Registry

FOLDER = os.environ.get("HARNESS_BENCH_PHOTOGRAPHS", "")
HERD = "synthetic-herd[individuals=20,encounters=3,images=4,size=384,near_duplicates=0]"


def photographs(folder: Path, count: int) -> list[Path]:
    """``count`` photographs, the same ones over again where there are too few.

    HARNESS_BENCH_PHOTOGRAPHS names a folder to take them from; otherwise the herd is drawn, and saved as JPEG.
    """
    found = sorted(path for path in Path(FOLDER).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if FOLDER and not found:
        pytest.skip(f"HARNESS_BENCH_PHOTOGRAPHS={FOLDER} holds no photographs")
    found = found if FOLDER else _drawn(folder / "herd")
    return (found * -(-count // len(found)))[:count]


def _drawn(folder: Path) -> list[Path]:
    chosen = Registry.load().resolve("dataset", HERD)
    herd = chosen.spec.build(chosen.config, folder)
    herd.prepare(folder)
    table, saved = herd.table(), []
    for row, path in enumerate(table.path.tolist()):
        saved.append(folder / f"{row}.jpg")
        Image.open(table.root / path).convert("RGB").save(saved[-1], quality=90)
    return saved
