"""BackboneContract: a right backbone passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
from harness import BackboneSpec, Config, Preprocess, artefact, hookimpl

class Settings(Config):
    weights: str = artefact("pretrained", "pretrained or random")

class Mine:
    preprocess = Preprocess((16, 24), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "bilinear")

    def __init__(self, config):
        assert config.weights == "random"

    def module(self):
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Conv2d(3, 8, 3)

            def forward(self, images):
                maps = self.first(images)
                return maps.mean(dim=(2, 3))

        return Net()

@hookimpl
def harness_backbones():
    yield BackboneSpec(name="mine", version="1", config=Settings, build=Mine, summary="a backbone", licence="MIT",
                       unavailable=lambda config: None if config.weights == "random" else "no weights")
"""

RETURN = "return maps.mean(dim=(2, 3))"
WRONG = {
    "does not pool": Wrong(RETURN, "return maps", {"test_an_image_becomes_one_finite_vector"}, ALL),
    "prints": Wrong(RETURN, f"print(maps.shape); {RETURN}", {"test_it_prints_nothing"}),
    "gives NaN": Wrong(
        RETURN,
        "return maps.mean(dim=(2, 3)) / 0",
        {"test_an_image_becomes_one_finite_vector", "test_images_of_one_colour_become_finite_vectors"},
        ALL,
    ),
    "divides by the contrast": Wrong(
        RETURN,
        "return maps.mean(dim=(2, 3)) / images.std(dim=(1, 2, 3))[:, None]",
        {"test_images_of_one_colour_become_finite_vectors"},
    ),
    "looks at the batch": Wrong(RETURN, RETURN + " - maps.mean()", {"test_a_batch_changes_no_vector"}),
    "looks at the image before": Wrong(
        RETURN,
        RETURN + ".roll(1, 0)",
        {"test_a_batch_changes_no_vector", "test_the_order_of_images_changes_no_vector"},
    ),
    "does not look at all": Wrong(
        "self.first(images)",
        "self.first(0 * images)",
        {"test_different_images_become_different_vectors"},
    ),
    "starts from no seed": Wrong(
        "self.first = nn.Conv2d(3, 8, 3)",
        "self.first = nn.Conv2d(3, 8, 3); own = torch.Generator(); own.seed(); "
        "nn.init.normal_(self.first.weight, generator=own)",
        {"test_one_seed_gives_one_network"},
    ),
    "hands out one module": Wrong(
        "return Net()",
        "self.net = self.__dict__.get('net') or Net(); return self.net",
        {"test_every_module_is_a_fresh_one"},
    ),
    "counts colours to 255": Wrong("(0.5, 0.5, 0.5)", "(127, 127, 127)", {"test_its_preprocessing_makes_sense"}),
    "has no interpolation": Wrong('"bilinear"', '"nearest"', {"test_its_preprocessing_makes_sense"}),
    "has a gradient that is NaN": Wrong(
        RETURN,
        RETURN + " + (0 * maps).sum().sqrt()",
        {"test_a_gradient_is_finite"},
    ),
    "changes its input": Wrong(
        RETURN,
        "images *= 0.5; " + RETURN,
        {"test_the_images_are_left_as_they_are"},
        frozenset({"test_a_gradient_is_finite"}),
    ),
}


def test_a_right_backbone_passes_with_random_weights_where_its_own_are_missing(
    passes: Callable[..., dict[str, str]],
) -> None:
    assert passes("backbone", RIGHT) == {}


def test_a_backbone_without_weights_is_skipped_with_the_reason(passes: Callable[..., dict[str, str]]) -> None:
    skipped = passes("backbone", RIGHT.replace('== "random" else', '== "here" else'))
    assert "test_a_gradient_is_finite" in skipped
    assert set(skipped.values()) == {"skipped: not available here: no weights"}
    assert "test_settings_are_frozen" not in skipped


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_backbone_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("backbone", RIGHT, wrong)
