"""Changes of light: by the seed alone, none at strength 0, and torch's own random state is left alone."""

from __future__ import annotations

import numpy as np
import torch

from harness.matcher_training.light import relit

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_strength_zero_changes_nothing() -> None:
    assert relit(0.0)(PICTURE, 1) is PICTURE


def test_a_seed_decides_and_the_picture_handed_in_stays() -> None:
    change, before = relit(1.0), PICTURE.copy()
    first = change(PICTURE, 1)
    change(PICTURE, 2)
    np.testing.assert_array_equal(change(PICTURE, 1), first)
    np.testing.assert_array_equal(before, PICTURE)
    assert (first.shape, first.dtype) == (PICTURE.shape, PICTURE.dtype)
    assert len({change(PICTURE, seed).tobytes() for seed in range(6)}) == 6


def test_the_random_state_of_torch_is_as_before() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    relit(1.0)(PICTURE, 9)
    assert torch.equal(torch.rand(3), expected)
