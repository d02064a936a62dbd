"""LightGlue by the block against the bare network of kornia and against the pair-at-a-time loop of public pipelines.

The same random weights of the official shape (9 layers, width 256, 4 heads) and the same keypoints for all, turn by
turn. The bare network gets one batch that already lies on the device. HARNESS_BENCH_KEYPOINTS and HARNESS_BENCH_PAIRS
take other numbers, HARNESS_BENCH_PRECISION=float32 or float16 another precision of ours and of the bare network. On a
CPU that others use too, HARNESS_BENCH_TIMER=processor counts the time of its cores instead of the clock's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pytest
import torch
from keypoints import features
from kornia.feature import LightGlue
from pytest_benchmark.fixture import BenchmarkFixture
from safetensors.torch import save_file
from torch.utils.data import DataLoader, Dataset

from harness.packed import PackedFeatures
from harness.registry import Registry

KEYPOINTS = int(os.environ.get("HARNESS_BENCH_KEYPOINTS", "512"))
DIM, LAYERS = 128, int(os.environ.get("HARNESS_BENCH_LAYERS", "9"))
ROUNDS = int(os.environ.get("HARNESS_BENCH_ROUNDS", "3"))
TIMER = process_time if os.environ.get("HARNESS_BENCH_TIMER") == "processor" else perf_counter
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")),
]


class FilePairs(Dataset[tuple[dict[str, Any], dict[str, Any]]]):
    """Pairs as public pipelines load them: both images' features read from their files for every pair."""

    def __init__(self, folder: Path, images: PackedFeatures, pairs: np.ndarray) -> None:
        self.folder, self.pairs = folder, pairs
        for row in range(len(images)):
            found = images.image(row)
            kept = {"keypoints": found.keypoints, "descriptors": found.descriptors, "image_size": np.array(found.size)}
            np.savez(folder / f"{row}.npz", **kept)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
        query, gallery = (dict(np.load(self.folder / f"{row}.npz")) for row in self.pairs[index])
        return query, gallery


def pair_loop(net: LightGlue, pairs: FilePairs, batch: int, device: str) -> Callable[[], list[int]]:
    """DataLoader over pairs with the default collate; what is found is taken to the processor pair by pair."""

    def work() -> list[int]:
        found: list[int] = []
        with torch.inference_mode():
            for two in DataLoader(pairs, batch_size=batch):
                query, gallery = ({name: part.to(device) for name, part in image.items()} for image in two)
                found += [len(scores.cpu()) for scores in net({"image0": query, "image1": gallery})["scores"]]
        return found

    return work


def bare(net: LightGlue, images: PackedFeatures, batch: int, count: int, device: str) -> Callable[[], None]:
    """Kornia's forward pass on one batch on the device, as often as there are pairs."""

    def side(rows: np.ndarray) -> dict[str, torch.Tensor]:
        arrays = {"keypoints": images.keypoints, "descriptors": images.descriptors, "image_size": images.size}
        return {name: torch.from_numpy(array[rows].astype(np.float32)).to(device) for name, array in arrays.items()}

    resident = {"image0": side(np.zeros(batch, np.int64)), "image1": side(np.arange(1, batch + 1))}

    def work() -> None:
        with torch.inference_mode():
            for _ in range(count // batch):
                net(resident)
        if device != "cpu":
            torch.cuda.synchronize()

    return work


@pytest.mark.benchmark(timer=TIMER, group=f"LightGlue: {KEYPOINTS} keypoints, {LAYERS} layers")
@pytest.mark.parametrize("device", DEVICES)
def test_lightglue(benchmark: BenchmarkFixture, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DEVICE", device)
    count = int(os.environ.get("HARNESS_BENCH_PAIRS", "16" if device == "cpu" else "1024"))
    precision = os.environ.get("HARNESS_BENCH_PRECISION", "float32" if device == "cpu" else "float16")
    torch.manual_seed(0)
    shape = {"input_dim": DIM, "n_layers": LAYERS, "depth_confidence": -1, "width_confidence": -1}
    net = LightGlue(None, mp=precision != "float32", **shape).eval().to(device)
    save_file({name: tensor.cpu() for name, tensor in net.state_dict().items()}, tmp_path / "w.safetensors")
    images = features(count + 1, KEYPOINTS, DIM, KEYPOINTS // 2)
    pairs = np.stack([np.zeros(count, np.int64), np.arange(1, count + 1)], axis=1)
    reference = f"lightglue[features=disk,weights={tmp_path / 'w.safetensors'},max_keypoints={KEYPOINTS},"
    matcher = Registry.load().resolve("matcher", f"{reference}precision={precision}]").build()
    files = FilePairs(tmp_path, images, pairs)
    batches = (1, 4, 16) if device == "cpu" else (32, 128, 256)
    rivals: dict[str, Callable[[], object]] = {
        **{f"bare network, batches of {b}": bare(net, images, b, count, device) for b in batches if b <= count},
        **{f"pair loop, batches of {b}": pair_loop(net, files, b, device) for b in (1, 128)},
    }
    seconds: dict[str, list[float]] = {name: [] for name in rivals}

    def others() -> None:
        for name, work in rivals.items():
            start = TIMER()
            work()
            seconds[name].append(TIMER() - start)

    benchmark.pedantic(lambda: matcher.match_block(images, pairs), setup=others, rounds=ROUNDS, warmup_rounds=1)
    mine = benchmark.stats.stats.min
    benchmark.extra_info["pairs a second"] = round(count / mine, 2)
    benchmark.extra_info["seconds of the others / ours"] = {n: round(min(s) / mine, 2) for n, s in seconds.items()}
    print(benchmark.extra_info)
