"""Augmentation: what is changed how much, in proportion to the level."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest
from kornia import augmentation as kornia
from torch import nn

from harness.stages.augment import augmentation

STEPS = ("RandomAffine", "RandomResizedCrop", "ColorJitter", "RandomGaussianBlur", "RandomErasing")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What each kind of step is asked for, by the names of its arguments."""
    seen: dict[str, dict[str, Any]] = {}

    def watch(name: str) -> None:
        kind = getattr(kornia, name)

        def made(*given: Any, **named: Any) -> nn.Module:
            seen[name] = signature(kind).bind(*given, **named).arguments
            step: nn.Module = kind(*given, **named)
            return step

        monkeypatch.setattr(kornia, name, made)

    for name in (*STEPS, "RandomHorizontalFlip"):
        watch(name)
    return seen


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_each_change_is_as_strong_as_the_level_says(level: float, asked: dict[str, dict[str, Any]]) -> None:
    assert augmentation(level, (16, 24), flip=False) is not None
    assert asked == {
        "RandomAffine": {
            "degrees": 10 * level,
            "translate": (0.05 * level, 0.05 * level),
            "padding_mode": "border",
            "p": 0.8,
        },
        "RandomResizedCrop": {"size": (16, 24), "scale": (1 - 0.3 * level, 1.0), "ratio": (0.9, 1.1)},
        "ColorJitter": {
            "brightness": 0.2 * level,
            "contrast": 0.2 * level,
            "saturation": 0.2 * level,
            "hue": 0.0,
            "p": 0.8,
        },
        "RandomGaussianBlur": {"kernel_size": (3, 3), "sigma": (0.1, 1.0), "p": 0.1 * level},
        "RandomErasing": {"scale": (0.02, 0.1), "value": 0.5, "p": 0.25 * level},
    }


def test_a_flip_mirrors_every_second_image_and_comes_first(asked: dict[str, dict[str, Any]]) -> None:
    flip, both = (augmentation(level, (16, 24), flip=True) for level in (0, 1))
    assert flip is not None
    assert both is not None
    assert asked["RandomHorizontalFlip"] == {"p": 0.5}
    assert [type(step).__name__ for step in flip.children()] == ["RandomHorizontalFlip"]
    assert [type(step).__name__ for step in both.children()] == ["RandomHorizontalFlip", *STEPS]


def test_nothing_to_change_is_no_module() -> None:
    assert augmentation(0, (16, 24), flip=False) is None
