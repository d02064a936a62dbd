"""The fixed rule: what the grid says, whatever validation holds."""

from __future__ import annotations

import pytest
from harness_plugins.openset.fixed import Fixed, FixedConfig
from pydantic import ValidationError
from queries import scores, truth


@pytest.mark.parametrize("known", [[True, False], [False, False], []], ids=["both kinds", "no known", "nobody"])
def test_validation_moves_nothing(known: list[bool]) -> None:
    rule = Fixed("cosine", pooled=0.5).fit(scores(cosine=[0.9, 0.8][: len(known)]), truth(known))
    said, confidence = rule.decide(scores(cosine=[0.4, 0.5, 0.6]))
    assert said.tolist() == [False, True, True]
    assert confidence.tolist() == [0.4, 0.5, 0.6]


@pytest.mark.parametrize("at", [float("nan"), float("inf")])
def test_the_threshold_must_be_given_and_be_a_number(at: float) -> None:
    with pytest.raises(ValidationError):
        FixedConfig(at=at)
    with pytest.raises(ValidationError, match="at"):
        FixedConfig()  # type: ignore[call-arg]
