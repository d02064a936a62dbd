"""Augmentation of a training batch on its device, by kornia."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def augmentation(level: float, size: tuple[int, int], flip: bool) -> nn.Module | None:
    """A module float [n, 3, H, W] on [0, 1] -> the same shape, each image changed by its own draw; None at level 0.

    At level 1: turned by up to 10 degrees, moved by up to 5 %, cropped to 70-100 % of its area, brightness, contrast
    and saturation by up to 20 %, sometimes a slight blur, one time in four a small rectangle erased. Draws come from
    torch's random state on the CPU. ``flip`` mirrors every second image. Hue is left alone: coat colour is evidence.
    """
    from kornia import augmentation as k
    from torch import nn

    steps: list[nn.Module] = [k.RandomHorizontalFlip(p=0.5)] if flip else []
    if level > 0:
        steps += [
            k.RandomAffine(10 * level, translate=(0.05 * level, 0.05 * level), padding_mode="border", p=0.8),
            k.RandomResizedCrop(size, scale=(1 - 0.3 * level, 1.0), ratio=(0.9, 1.1)),
            k.ColorJitter(0.2 * level, 0.2 * level, 0.2 * level, 0.0, p=0.8),
            k.RandomGaussianBlur((3, 3), (0.1, 1.0), p=0.1 * level),
            k.RandomErasing(scale=(0.02, 0.1), value=0.5, p=0.25 * level),
        ]
    return nn.Sequential(*steps) if steps else None
