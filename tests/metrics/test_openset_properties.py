"""Open-set metrics by their properties, on small herds with many ties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openset_cases import Case, brute, edges_of

from harness.metrics import intervals
from harness.metrics.intervals import Estimate
from harness.metrics.openset import NAMES


@pytest.fixture(scope="module", autouse=True)
def _few_resamples() -> object:
    """The number of resamples changes no rule, and the slow oracle looks at each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 12)
        yield


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 25 queries of both kinds, few levels of confidence."""
    n = draw(st.integers(2, 25))
    known = np.array([True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))])
    whole = [np.array(draw(st.lists(st.integers(0, top), min_size=n, max_size=n))) for top in (5, 3, 1, 4)]
    identity = np.char.add(np.where(known, "k", "n"), whole[1].astype(str))
    return Case(whole[0] / 4, known & (whole[2] > 0), identity, known, whole[3] / 4)


few = settings(max_examples=30, deadline=None)


def but(found: dict[str, Estimate], *names: str) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in found.items() if name not in names}


@few
@given(cases())
def test_any_small_herd_has_the_numbers_of_the_brute_force(case: Case) -> None:
    found = case.estimates()
    assert {name: found[name].value for name in NAMES} == pytest.approx(brute(case, edges_of(case)))


@few
@given(cases())
def test_a_constant_confidence_tells_nothing(case: Case) -> None:
    found = replace(case, confidence=np.ones(len(case.known))).estimates()
    right = case.right[case.known].mean()
    assert found["AUROC"].value == 0.5
    assert found["AUROC"].low in (None, 0.5)
    assert found["AUROC"].high in (None, 0.5)
    assert found["FPR95"].value == 1
    assert found["DIR@FAR10"].value == 0
    assert found["OSCR"].value == pytest.approx(right / 2)


@few
@given(cases(), st.integers(1, 9), st.floats(-3, 3))
def test_new_queries_change_no_number_of_the_known(case: Case, count: int, confidence: float) -> None:
    def column(value: object) -> np.ndarray:
        return np.full(count, value)

    more = Case(column(confidence), column(False), column("stranger"), column(False), column(0.5))
    joined = {
        name: np.concatenate([getattr(part, name) for part in (case, more)]) for name in vars(case) if name != "at"
    }
    assert Case(**joined).estimates()["BAKS"] == case.estimates()["BAKS"]


@few
@given(cases())
def test_only_the_order_of_confidence_counts(case: Case) -> None:
    bent = replace(case, confidence=np.exp(case.confidence), at=np.exp(case.at))
    assert bent.estimates() == case.estimates()
    moved = replace(case, probability=case.probability / 2)
    assert but(moved.estimates(), "calibration error") == but(case.estimates(), "calibration error")


@few
@given(cases())
def test_always_new_is_right_on_the_new_alone(case: Case) -> None:
    found = replace(case, at=np.inf).estimates()
    assert (found["BAKS"].value, found["BAUS"].value, found["BAKS-BAUS mean"].value) == (0, 1, 0)
    never = replace(case, at=-np.inf, right=case.known).estimates()
    assert (never["BAKS"].value, never["BAUS"].value, never["BAKS-BAUS mean"].value) == (1, 0, 0)


@few
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_queries_does_not_matter(case: Case, random: object) -> None:
    rows = np.arange(len(case.known))
    random.shuffle(rows)  # type: ignore[attr-defined]
    mixed, straight = case.take(rows).estimates(), case.estimates()
    for name in NAMES:
        for part in ("value", "low", "high"):
            assert getattr(mixed[name], part) == pytest.approx(getattr(straight[name], part)), name


@few
@given(cases())
def test_numbers_are_shares_and_stand_in_order(case: Case) -> None:
    found = case.estimates()
    for name, estimate in found.items():
        assert 0 <= estimate.value <= 1 + 1e-12, name
        assert estimate.low is None or 0 <= estimate.low <= estimate.high <= 1 + 1e-12, name
    assert found["OSCR"].value <= found["AUROC"].value + 1e-12
    assert found["DIR@FAR1"].value <= found["DIR@FAR10"].value
