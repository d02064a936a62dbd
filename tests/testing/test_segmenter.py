"""SegmenterContract: a right segmenter passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
import numpy as np
from harness import Config, SegmenterSpec, hookimpl

class Mine:
    def __init__(self, config):
        self.shift = 0

    def segment(self, images):
        return [self.one(image, image.mean()) for image in images]

    def one(self, image, level):
        return np.where(image.mean(axis=2) > level + self.shift, 255, 0).astype(np.uint8)

@hookimpl
def harness_segmenters():
    yield SegmenterSpec(name="mine", version="1", build=Mine, summary="a segmenter", licence="MIT")
"""

RESULT = "return [self.one(image, image.mean()) for image in images]"
WRONG = {
    "gives 1 for the animal": Wrong("255, 0)", "1, 0)", {"test_a_mask_is_0_or_255"}),
    "gives bools": Wrong(".astype(np.uint8)", ".astype(bool)", {"test_a_mask_is_0_or_255"}),
    "gives (width, height)": Wrong(
        ".astype(np.uint8)", ".astype(np.uint8).T", {"test_a_mask_has_the_size_of_its_image"}
    ),
    "gives one array": Wrong(RESULT, f"return np.array({RESULT[7:]}, object)", {"test_gives_one_mask_an_image"}, ALL),
    "gives nothing but empty masks": Wrong("255, 0)", "0, 0)", {"test_an_animal_that_stands_out_is_found"}),
    "prints": Wrong(RESULT, f"print(len(images)); {RESULT}", {"test_it_prints_nothing"}),
    "looks at the batch": Wrong(
        "image.mean()) for",
        "np.concatenate([i.ravel() for i in images]).mean()) for",
        {"test_neighbours_change_no_mask"},
    ),
    "looks at the image before": Wrong(
        "image, level):\n",
        "image, level):\n        level, self.before = (self.__dict__.get('before', 0) + level) / 2, level\n",
        {"test_the_order_of_images_changes_no_mask"},
        frozenset({"test_neighbours_change_no_mask"}),
    ),
    "fails without images": Wrong(RESULT, f"images[0]; {RESULT}", {"test_no_images_give_no_masks"}),
    "draws from the global state": Wrong(
        "self.shift = 0", "self.shift = np.random.randint(60)", {"test_two_builds_give_equal_bytes"}
    ),
    "changes its input": Wrong(
        "image, level):", "image, level):\n        image[:] = image // 2", {"test_the_images_are_left_as_they_are"}
    ),
}


def test_a_right_segmenter_passes(passes: Callable[..., dict[str, str]]) -> None:
    assert passes("segmenter", RIGHT) == {}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_segmenter_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("segmenter", RIGHT, wrong)
