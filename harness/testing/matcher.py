"""The contract of local matchers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from harness.contracts import BlockMatcher
from harness.errors import HarnessError
from harness.packed import PackedFeatures, PairSummary
from harness.refs import parse
from harness.specs import FeaturesSpec, MatcherSpec
from harness.testing import given, samples
from harness.testing.contract import Contract
from harness.types import LocalFeatures, PairMatches

KEYPOINTS = 64
"""Of most sample images."""
TOLERANCE = 1e-4
"""Of scores, absolute: what the contract of ``match_block`` allows."""

Pairs = list[tuple[LocalFeatures, LocalFeatures]]


class MatcherContract(Contract):
    """Tests of a matcher. May be overridden: :meth:`features`, where it wants special ones.

    A matcher of any features is given drawn ones. One that accepts only some was made for what they find in pictures:
    it is given those of the extractor in its settings, as far as that can run here.
    """

    kind = "matcher"

    def features(self, count: int, seed: int, size: tuple[int, int], view: int = 0) -> LocalFeatures:
        """At most ``count`` (up to 128) keypoints of a photograph of (width, height) ``size``.

        ``seed`` says what is seen, ``view`` which photograph of it.
        """
        extractor = self._extractor() if count else None
        if extractor is not None:
            (found,) = extractor.extract([samples.picture(size[1], size[0], seed, view)])
            return samples.strongest(found, count)
        drawn = samples.features(count, self.dim(), seed, size)
        return samples.again(drawn, view) if view else drawn

    def dim(self) -> int:
        """Length of a descriptor of the features that the settings name, as the registry knows it."""
        spec = self._registry().find("features", self._features_name()).spec
        assert isinstance(spec, FeaturesSpec)
        return spec.dim

    def pairs(self) -> Pairs:
        """Seven pairs of unequal counts and shapes: two views of one thing, strangers, few keypoints, and none."""
        wide, tall = self.features(KEYPOINTS, 1, samples.WIDE), self.features(100, 2, samples.TALL)
        few = self.features(9, 3, samples.WIDE), self.features(9, 4, samples.TALL)  # unlike even where mutual
        one, none = self.features(1, 2, samples.TALL), self.features(0, 5, samples.WIDE)
        others = [(wide, tall), few, (one, wide), (none, tall), (tall, tall)]
        again = self.features(KEYPOINTS, 1, samples.WIDE, 1), self.features(80, 2, samples.TALL, 1)
        return [(wide, again[0]), (tall, again[1]), *others]

    def _extractor(self) -> Any:
        """What finds the features that the matcher was made for; None where any will do, or it cannot run here."""
        if not self._spec().accepts:
            return None
        if "_found_by" not in vars(type(self)):
            try:
                choice = self._registry().resolve("features", str(getattr(self.choice().config, "features", "")))
                type(self)._found_by = None if choice.unavailable() else choice.build()  # type: ignore[attr-defined]
            except HarnessError:
                type(self)._found_by = None  # type: ignore[attr-defined]
        return type(self)._found_by  # type: ignore[attr-defined]

    def _features_name(self) -> str:
        return parse(str(getattr(self.choice().config, "features", ""))).name

    def _spec(self) -> MatcherSpec:
        spec = self.choice().spec
        assert isinstance(spec, MatcherSpec)
        return spec

    def _match(self, pairs: Pairs, built: Any = None) -> list[PairMatches]:
        with given.no_lists():
            found = (self.made() if built is None else built).match(pairs)
        results: list[PairMatches] = given.listed(found, PairMatches, len(pairs), "match()", "pair")
        for result, name in product(results, ("indices", "scores", "inliers")):
            given.array(getattr(result, name), name)
        return results

    def _use(self, built: Any) -> None:
        self._match(self.pairs(), built)

    def test_gives_one_pair_matches_a_pair(self) -> None:
        for found in self._match(self.pairs()):
            given.array(found.indices, "indices", np.int32)
            given.array(found.scores, "scores", np.float32)
            given.array(found.inliers, "inliers", np.bool_)

    def test_names_features_that_it_accepts(self) -> None:
        spec, config = self._spec(), self.choice().config
        for setting in ("features", "max_keypoints"):
            assert setting in type(config).model_fields, f"the settings have no {setting!r}"
        name = self._features_name()
        assert not spec.accepts or name in spec.accepts, f"features={name} is none of {sorted(spec.accepts)}"
        self._registry().find("features", name)

    def test_matches_are_pairs_of_keypoints_that_are_there(self) -> None:
        for (query, gallery), found in zip(self.pairs(), self._match(self.pairs()), strict=True):
            inside = (found.indices >= 0) & (found.indices < [len(query), len(gallery)])
            assert inside.all(), "a match names a keypoint that the image does not have: indices are (query, gallery)"
            assert len(np.unique(found.indices, axis=0)) == len(found.indices), "a match is given twice"

    def test_scores_lie_between_0_and_1(self) -> None:
        for found in self._match(self.pairs()):
            assert ((found.scores >= 0) & (found.scores <= 1)).all(), "a score is NaN or outside 0 to 1"

    def test_no_keypoints_give_no_matches(self) -> None:
        some, none = self.features(KEYPOINTS, 1, samples.WIDE), self.features(0, 2, samples.TALL)
        pairs = [(none, some), (some, none), (none, none)]
        for found in [*self._match(pairs), *self._match(pairs[2:])]:
            assert len(found.indices) == 0, "matches with an image that has no keypoints"

    def test_no_pairs_give_no_results(self) -> None:
        assert self._match([]) == []

    def test_one_keypoint_is_enough_to_be_asked(self) -> None:
        one = self.features(1, 1, samples.WIDE)
        for found in self._match([(one, one), (one, self.features(KEYPOINTS, 2, samples.TALL))]):
            assert len(found.indices) <= 1, "one keypoint of the query has two matches of one pair"

    def test_a_self_pair_beats_a_random_pair(self) -> None:
        for size in (samples.WIDE, samples.TALL):
            image, stranger = (self.features(KEYPOINTS, seed, size) for seed in (1, 2))
            own, other = PairSummary.of(self._match([(image, image), (image, stranger)])).confidence
            assert own > other, f"confidence {own:.3f} with itself, {other:.3f} with a stranger"

    def test_another_view_beats_a_random_pair(self) -> None:
        image, stranger = (self.features(KEYPOINTS, seed, samples.WIDE) for seed in (1, 2))
        other = self.features(KEYPOINTS, 1, samples.WIDE, view=1)
        near, far = PairSummary.of(self._match([(image, other), (image, stranger)])).confidence
        assert near > far, f"confidence {near:.3f} with another view, {far:.3f} with a stranger"

    def test_a_photograph_that_is_not_square_is_matched_in_all_its_length(self) -> None:
        for axis, size in enumerate((samples.WIDE, samples.TALL)):
            image = self.features(KEYPOINTS, 1, size)
            (found,) = self._match([(image, image)])
            beyond = image.keypoints[found.indices[:, 0], axis] > min(size)
            assert beyond.any(), f"nothing is matched beyond {min(size)} of {size}: size is (width, height)"

    def test_a_batch_changes_no_result(self) -> None:
        pairs = self.pairs()
        self._same(self._match(pairs), [self._match([pair])[0] for pair in pairs], "alone and in a batch of 7")

    def test_the_order_of_pairs_changes_no_result(self) -> None:
        pairs = self.pairs()
        order = np.random.default_rng(0).permutation(len(pairs))
        found = self._match([pairs[i] for i in order])
        self._same(self._match(pairs), [found[i] for i in np.argsort(order)], "in another order")

    def test_declared_symmetry_holds(self) -> None:
        if not self._spec().symmetric(self.choice().config):
            pytest.skip("not declared symmetric")
        pairs = self.pairs()
        there, back = (PairSummary.of(self._match(list(p))) for p in (pairs, [(b, a) for a, b in pairs]))
        for name in ("count", "confidence", "inliers"):
            close = np.allclose(getattr(there, name), getattr(back, name), atol=1e-3)
            assert close, f"(a, b) and (b, a) differ in {name}: do not declare it symmetric"

    def test_blocks_find_what_pairs_find(self) -> None:
        if not isinstance(self.made(), BlockMatcher):
            pytest.skip("no match_block")
        images, rows = PackedFeatures.of_pairs(self.pairs())
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        single = PairSummary.of(self._match([(images.image(a), images.image(b)) for a, b in rows.tolist()]))
        block = self.made().match_block(images, rows)
        for name in ("count", "confidence", "inliers"):
            close = np.allclose(getattr(block, name), getattr(single, name), rtol=TOLERANCE, atol=TOLERANCE)
            assert close, f"match_block and match differ in {name}"

    def test_two_builds_give_equal_bytes(self) -> None:
        one, two = (samples.stamp(self._match(self.pairs(), built)) for built in self._twice())
        assert one == two, "two builds match differently: draw nothing, or from a seed of your own"

    def test_the_features_are_left_as_they_are(self) -> None:
        pairs = self.pairs()
        before = samples.stamp(pairs)
        self._match(pairs)
        assert samples.stamp(pairs) == before, "match() changes the features that it is handed"

    def _same(self, one: Sequence[PairMatches], two: Sequence[PairMatches], how: str) -> None:
        for number, (a, b) in enumerate(zip(one, two, strict=True)):
            equal = np.array_equal(a.indices, b.indices) and np.array_equal(a.inliers, b.inliers)
            assert equal, f"pair {number} has other matches {how}: {len(a.indices)} and {len(b.indices)}"
            assert np.allclose(a.scores, b.scores, atol=TOLERANCE), f"pair {number} has other scores {how}"
