"""Decoding, SIFT and embeddings of photographs through the stages, against plain loops, turn by turn.

Decoding: processes against threads. SIFT: open with PIL, extract, one photograph at a time. Embeddings: a DataLoader
with batch 32, worker processes and torchvision. HARNESS_BENCH_DEVICE=cuda embeds on a card.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from photographs import photographs
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch.utils.data import DataLoader
from torchvision import transforms

from harness.contracts import Backbone, Features
from harness.images import Photographs
from harness.progress import Quiet
from harness.registry import Registry
from harness.stages.describe import describe
from harness.stages.embed import embed
from harness.stages.loading import Resized
from harness.stages.network import build_network
from harness.stages.reading import cores, read_ahead
from harness.types import Preprocess

DEVICE = os.environ.get("HARNESS_BENCH_DEVICE", "cpu")
MODEL, SIZE, COUNT, ROUNDS = ("mobilenetv2_050", 128, 240, 3) if DEVICE == "cpu" else ("resnet50", 224, 8000, 3)


class Folder:
    """The usual data set."""

    def __init__(self, paths: list[Path], change: Callable[[Image.Image], torch.Tensor]) -> None:
        self.paths, self.change = paths, change

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as picture:
            return self.change(picture.convert("RGB"))


def measured(
    benchmark: BenchmarkFixture, group: str, ours: Callable[[], None], rival: Callable[[], None], count: int
) -> None:
    seconds: list[float] = []

    def other() -> None:
        start = perf_counter()
        rival()
        seconds.append(perf_counter() - start)

    benchmark.group = group
    benchmark.pedantic(ours, setup=other, rounds=ROUNDS)
    benchmark.extra_info["img/s"] = round(count / benchmark.stats["min"], 1)
    benchmark.extra_info["speed / rival"] = round(min(seconds) / benchmark.stats["min"], 3)
    print("\n", group, benchmark.extra_info)


def images(paths: list[Path]) -> Photographs:
    return Photographs(Path("/"), [str(path) for path in paths])


def test_decode(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Reading by processes against reading by threads, as many as there are cores: who wins hangs on their number."""
    p = Preprocess((SIZE, SIZE), (0, 0, 0), (1, 1, 1))
    paths = photographs(tmp_path, 5 * COUNT)

    def read(processes: bool) -> None:
        for _ in read_ahead(Resized(images(paths), p), 64, cores(), processes):
            pass

    group = f"decode: {len(paths):,} photographs to {SIZE}, {cores()} processes, against as many threads"
    measured(benchmark, group, lambda: read(True), lambda: read(False), len(paths))


def test_describe(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    sift: Features = Registry.load().resolve("features", "sift").build()
    paths = photographs(tmp_path, 240)

    def ours() -> None:
        for _ in describe(sift, images(paths), 64, Quiet()):
            pass

    def rival() -> None:
        for path in paths:
            sift.extract([np.asarray(Image.open(path).convert("RGB"))])

    measured(benchmark, f"describe: SIFT of {len(paths)} photographs", ours, rival, len(paths))


def test_embed(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    if DEVICE != "cpu" and not torch.cuda.is_available():
        pytest.skip("HARNESS_BENCH_DEVICE=cuda, and there is no CUDA card here")
    reference = f"timm[model={MODEL},weights=random,size={SIZE}]"
    backbone: Backbone = Registry.load().resolve("backbone", reference).build()
    network, p = build_network(backbone, None), backbone.preprocess
    paths = photographs(tmp_path, COUNT)
    names = [str(row) for row in range(COUNT)]
    change = transforms.Compose([transforms.Resize(p.size), transforms.ToTensor(), transforms.Normalize(p.mean, p.std)])

    def ours() -> None:
        for _ in embed(network, p, images(paths), names, 64, DEVICE, Quiet()):
            pass

    def rival() -> None:
        loader: Any = DataLoader(Folder(paths, change), 32, num_workers=cores())
        network.to(DEVICE).eval()
        with torch.inference_mode():
            for batch in loader:
                network(batch.to(DEVICE)).cpu()

    measured(benchmark, f"embed: {COUNT:,} photographs, {MODEL} at {SIZE}, {DEVICE}", ours, rival, COUNT)
