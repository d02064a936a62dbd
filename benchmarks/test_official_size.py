"""Everything but the networks, as it grows to the official size: time and peak memory of each stage.

A sixteenth and a quarter of 140,488 images by default; HARNESS_BENCH_FULL=1 adds the whole. Each size is a process of
its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

SCALES = [1 / 16, 1 / 4, *([1.0] if os.environ.get("HARNESS_BENCH_FULL") else [])]


@pytest.mark.benchmark(group="everything but the networks")
@pytest.mark.parametrize("scale", SCALES)
def test_official_size(benchmark: BenchmarkFixture, tmp_path: Path, scale: float) -> None:
    script = Path(__file__).with_name("official_size.py")

    def measured() -> dict[str, Any]:
        command = [sys.executable, script, "--store", tmp_path / "store", "--scale", str(scale)]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(out.stdout)
        return found

    benchmark.extra_info.update(benchmark.pedantic(measured, rounds=1))
