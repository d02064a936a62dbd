"""The rule that says known of every query."""

from __future__ import annotations

import numpy as np
from harness_plugins.openset.never_new import harness_openset_rules
from queries import scores, truth

from harness import OpenSetRule


def test_every_query_is_known_whatever_its_scores_and_validation_are() -> None:
    (spec,) = harness_openset_rules()
    rule = spec.build(spec.config())
    assert isinstance(rule, OpenSetRule)
    assert (spec.name, spec.needs_matches(spec.config())) == ("never-new", False)
    for known in ([], [True], [True, False]):
        fitted = rule.fit(scores(cosine=np.zeros(len(known))), truth(known))
        said, confidence = fitted.decide(scores(cosine=[0.9, 0.1]))
        assert said.tolist() == [True, True]
        assert confidence.tolist() == [0, 0], "no threshold tells them apart"
