"""Numbers that decide results, as they are documented: a change of one is a change of every row."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.stages.cascade import DECIMALS as EVIDENCE
from harness.stages.cascade import DELTA, SHARES
from harness.stages.compiling import LONG
from harness.stages.decide import LOWEST
from harness.stages.masking import GREY, SPARE
from harness.stages.nearest import DECIMALS, LEAST, NONE, PLACE
from harness.stages.probability import Probability
from harness.stages.segment import SIDE
from harness.stages.task import TrainSettings


def test_roundings_bounds_and_shares_are_as_documented() -> None:
    assert (DECIMALS, NONE, LEAST, PLACE, LOWEST) == (6, -2, -1.5, 2**29 - 1, -1)
    assert (EVIDENCE, DELTA, SHARES) == (9, 0.05, (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8))
    assert (GREY, SPARE, SIDE, LONG) == (127, 4, 128, 5000)
    assert Probability(0.5) == Probability(0.5, 0.0, 0.0, 1.0)


def test_a_training_that_nothing_is_said_about_is_the_documented_one() -> None:
    assert TrainSettings().model_dump() == {
        "epochs": 10,
        "batch_size": 32,
        "embedding": 512,
        "lr": 1e-3,
        "backbone_lr_scale": 0.5,
        "weight_decay": 1e-2,
        "warmup": 1.0,
        "augment": 1.0,
        "flip": False,
        "per_class": 4,
        "validate_images": 500,
        "devices": 1,
        "workers": 0,
        "compile": "auto",
    }


@pytest.mark.parametrize(
    ("name", "least", "too_little"),
    [
        ("epochs", 1, 0),
        ("batch_size", 2, 1),
        ("embedding", 2, 1),
        ("lr", 1e-9, 0),
        ("backbone_lr_scale", 0, -0.1),
        ("weight_decay", 0, -0.1),
        ("warmup", 0, -0.1),
        ("augment", 0, -0.1),
        ("per_class", 2, 1),
        ("validate_images", 1, 0),
        ("devices", 1, 0),
        ("workers", 0, -1),
    ],
)
def test_settings_that_cannot_work_are_refused(name: str, least: float, too_little: float) -> None:
    assert getattr(TrainSettings(**{name: least}), name) == least
    with pytest.raises(ValidationError, match=name):
        TrainSettings(**{name: too_little})


def test_an_augmentation_of_more_than_twice_the_strength_is_refused() -> None:
    assert TrainSettings(augment=2).augment == 2
    with pytest.raises(ValidationError, match="augment"):
        TrainSettings(augment=2.1)
