"""FeaturesContract: a right extractor passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
import numpy as np
from harness import Config, FeaturesConfig, FeaturesSpec, LocalFeatures, hookimpl

class Mine:
    def __init__(self, config):
        self.most = config.max_keypoints
        self.mean = 0

    def extract(self, images):
        return [self.one(image) for image in images]

    def one(self, image):
        height, width = image.shape[:2]
        grey = image.mean(axis=2) - self.mean
        slope = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
        y, x = np.nonzero(slope > 1)
        order = np.lexsort((x, y, -slope[y, x]))[: self.most]
        points = np.stack([x, y], axis=1)[order].astype(np.float32)
        scores = slope[y, x][order].astype(np.float32)
        near = np.pad(grey, 1, mode="edge")
        rows = [near[y + i, x + j] for i in range(3) for j in range(3)]
        descriptors = np.stack(rows, axis=1)[order].astype(np.float32)
        zeros = np.zeros(len(points), np.float32)
        return LocalFeatures(points, descriptors, scores, zeros, zeros, (width, height))

@hookimpl
def harness_features():
    yield FeaturesSpec(name="mine", version="1", config=FeaturesConfig, build=Mine, dim=9,
                       summary="an extractor", licence="MIT")
"""

RESULT = "return [self.one(image) for image in images]"
RETURN = "return LocalFeatures(points, descriptors, scores, zeros, zeros, (width, height))"
WRONG = {
    "gives (y, x)": Wrong("np.stack([x, y]", "np.stack([y, x]", {"test_keypoints_lie_inside_the_image"}),
    "counts pixels from outside": Wrong(
        "[order].astype(np.float32)\n        scores",
        "[order].astype(np.float32) + 60\n        scores",
        {"test_keypoints_lie_inside_the_image"},
    ),
    "gives (height, width)": Wrong("(width, height))", "(height, width))", {"test_size_is_width_and_height"}),
    "gives the weakest first": Wrong("-slope[y, x]", "slope[y, x]", {"test_the_strongest_come_first"}),
    "keeps all": Wrong("[: self.most]", "", {"test_at_most_max_keypoints_are_kept"}),
    "declares another length": Wrong("dim=9", "dim=8", {"test_descriptors_have_the_declared_length"}),
    "finds nothing": Wrong("slope > 1", "slope > 1000", {"test_something_is_found_where_there_is_texture"}),
    "gives NaN": Wrong(RETURN, RETURN.replace("zeros, zeros", "zeros, zeros / 0"), {"test_all_numbers_are_finite"}),
    "is a generator": Wrong(
        RESULT, "yield from map(self.one, images)", {"test_gives_one_local_features_an_image"}, ALL
    ),
    "gives keypoints in float64": Wrong(
        RETURN, RETURN.replace("(points,", "(points.astype(float),"), {"test_gives_one_local_features_an_image"}
    ),
    "prints": Wrong(RESULT, f"print(len(images)); {RESULT}", {"test_it_prints_nothing"}),
    "looks at the batch": Wrong(
        RESULT,
        "self.mean = sum(image.mean() for image in images) / len(images) if images else 0; " + RESULT,
        {"test_a_batch_changes_no_result"},
    ),
    "looks at the image before": Wrong(
        "grey = image.mean(axis=2) - self.mean",
        "grey = image.mean(axis=2) * getattr(self, 'factor', 1); self.factor = 1 + grey.mean() / 255",
        {"test_the_order_of_images_changes_no_result", "test_a_batch_changes_no_result"},
    ),
    "fails without images": Wrong(RESULT, f"images[0]; {RESULT}", {"test_no_images_give_no_results"}),
    "draws from the global state": Wrong(
        "self.most = config.max_keypoints",
        "self.most = config.max_keypoints - np.random.randint(1, 99) % config.max_keypoints",
        {"test_two_builds_give_equal_bytes"},
        frozenset({"test_something_is_found_where_there_is_texture"}),
    ),
    "changes its input": Wrong("grey =", "image //= 2; grey =", {"test_the_images_are_left_as_they_are"}),
    "has no limit of keypoints": Wrong(
        "class Mine:",
        "class FeaturesConfig(Config):\n    pass\n\nConfig.max_keypoints = 99\n\nclass Mine:",
        {"test_settings_limit_the_keypoints"},
        ALL,
    ),
}


def test_a_right_extractor_passes(passes: Callable[..., dict[str, str]]) -> None:
    assert passes("features", RIGHT) == {}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_extractor_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("features", RIGHT, wrong)
