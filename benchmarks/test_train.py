"""Training against the usual loop over a DataLoader, and against bare steps on one resident batch, turn by turn.

The usual loop has the same network, loss, optimiser and batch; photographs are decoded and augmented one by one in
worker processes, by torchvision. HARNESS_BENCH_DEVICE=cuda takes a card, with a larger network and more photographs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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

from harness.contracts import Backbone, Loss
from harness.images import Photographs
from harness.progress import Quiet
from harness.registry import Registry
from harness.stages.network import build_network
from harness.stages.reading import cores
from harness.stages.train import TrainSettings, train

DEVICE = os.environ.get("HARNESS_BENCH_DEVICE", "cpu")
CUDA = DEVICE != "cpu"
MODEL, SIZE, COUNT, EPOCHS, ROUNDS = ("resnet50", 224, 4000, 5, 3) if CUDA else ("mobilenetv2_050", 128, 192, 3, 3)
BATCH, CLASSES = (128, 400) if CUDA else (32, 16)
LABELS = np.arange(COUNT) % CLASSES
WORKERS = cores()


class NoCheckpoint:
    """The usual loop saves none either."""

    def load(self) -> None:
        return None

    def save(self, state: bytes) -> None:
        return None


class Folder:
    """The usual data set: a photograph and its label."""

    def __init__(self, paths: list[Path], change: Callable[[Image.Image], torch.Tensor]) -> None:
        self.paths, self.change = paths, change

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as picture:
            return self.change(picture.convert("RGB")), int(LABELS[index])


def plugins() -> tuple[Backbone, Loss]:
    registry = Registry.load()
    backbone = registry.resolve("backbone", f"timm[model={MODEL},weights=random,size={SIZE}]").build()
    return backbone, registry.resolve("loss", "arcface").build()


def ours(paths: list[Path]) -> None:
    backbone, loss = plugins()
    train(
        backbone=backbone,
        loss=loss,
        sampler="random",
        images=Photographs(Path("/"), [str(path) for path in paths]),
        labels=LABELS,
        classes=CLASSES,
        validation=None,
        settings=TrainSettings(epochs=EPOCHS, batch_size=BATCH),
        seed=0,
        device=DEVICE,
        checkpoint=NoCheckpoint(),
        progress=Quiet(),
    )


def usual(paths: list[Path]) -> None:
    backbone, _ = plugins()
    p = backbone.preprocess
    change = transforms.Compose(
        [
            transforms.RandomApply([transforms.RandomAffine(10, translate=(0.05, 0.05))], p=0.8),
            transforms.RandomResizedCrop(p.size, scale=(0.7, 1.0), ratio=(0.9, 1.1)),
            transforms.RandomApply([transforms.ColorJitter(0.2, 0.2, 0.2)], p=0.8),
            transforms.RandomApply([transforms.GaussianBlur(3, (0.1, 1.0))], p=0.1),
            transforms.ToTensor(),
            transforms.Normalize(p.mean, p.std),
            transforms.RandomErasing(0.25, scale=(0.02, 0.1)),
        ]
    )
    loader: Any = DataLoader(
        Folder(paths, change), BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True, pin_memory=CUDA
    )
    stepped(batch for _ in range(EPOCHS) for batch in loader)


def bare(paths: list[Path]) -> None:
    batch = torch.rand(BATCH, 3, SIZE, SIZE, device=DEVICE).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(LABELS[:BATCH]).to(DEVICE)
    stepped((batch, labels) for _ in range(EPOCHS * COUNT // BATCH))


def stepped(batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> None:
    backbone, loss = plugins()
    network = build_network(backbone, 512).to(DEVICE, memory_format=torch.channels_last).train()
    head = loss.head(512, CLASSES).to(DEVICE)
    optimiser = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=1e-3)
    for images, labels in batches:
        sent = images.to(DEVICE, non_blocking=True, memory_format=torch.channels_last)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=CUDA):
            embeddings = network(sent)
        value = head(embeddings.float(), labels.to(DEVICE, non_blocking=True))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    if CUDA:
        torch.cuda.synchronize()


def test_train(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    if CUDA and not torch.cuda.is_available():
        pytest.skip("HARNESS_BENCH_DEVICE=cuda, and there is no CUDA card here")
    paths = photographs(tmp_path, COUNT)
    rivals = {"usual loop": usual, "bare steps": bare}
    seconds: dict[str, list[float]] = {name: [] for name in rivals}

    def others() -> None:
        for name, rival in rivals.items():
            start = perf_counter()
            rival(paths)
            seconds[name].append(perf_counter() - start)

    benchmark.group = f"train: {EPOCHS} epochs of {COUNT:,} photographs, {MODEL} at {SIZE}, {DEVICE}"
    benchmark.pedantic(ours, (paths,), setup=others, rounds=ROUNDS)
    benchmark.extra_info["img/s"] = round(EPOCHS * COUNT / benchmark.stats["min"], 1)
    for name, taken in seconds.items():
        benchmark.extra_info[f"speed / {name}"] = round(min(taken) / benchmark.stats["min"], 3)
    print("\n", benchmark.group, benchmark.extra_info)
