"""A backbone and photographs small enough to be trained in a blink."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from harness import Preprocess
from harness.types import Image

# Threads cost more than they give on tensors this small, tenfold where the cores are shared.
torch.set_num_threads(1)


class TinyBackbone:
    """Two convolutions with batch norm, 16 x 24 pixels in, 12 features out."""

    preprocess = Preprocess((16, 24), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "bilinear")

    def module(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )


class Flat:
    """A backbone that does not pool."""

    preprocess = TinyBackbone.preprocess

    def module(self) -> nn.Module:
        return nn.Conv2d(3, 4, 3)


class Herd:
    """Noisy pictures [30, 40, 3], each animal with a colour of its own; ``read`` counts how often each was decoded."""

    def __init__(self, labels: NDArray[np.int64], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        colours = np.random.default_rng(99).integers(30, 226, (int(labels.max()) + 1, 3))
        noise = rng.integers(-25, 26, (len(labels), 30, 40, 3))
        self.pictures: NDArray[np.uint8] = np.clip(colours[labels][:, None, None] + noise, 0, 255).astype(np.uint8)
        self.read = np.zeros(len(labels), int)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int, /) -> Image:
        self.read[index] += 1
        return self.pictures[index]


class Quiet:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.total, self.done, self.notes = 0, 0, list[str]()

    def start(self, total: int, unit: str) -> None:
        self.total, self.done = total, 0

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        self.notes.append(note)


class Memory:
    """A checkpoint in memory."""

    def __init__(self, state: bytes | None = None) -> None:
        self.state, self.saves = state, 0

    def load(self) -> bytes | None:
        return self.state

    def save(self, state: bytes) -> None:
        self.state, self.saves = state, self.saves + 1
