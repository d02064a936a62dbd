"""MatcherContract: a right matcher passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
import numpy as np
from harness import Config, MatcherSpec, PairMatches, PairSummary, hookimpl

class Settings(Config):
    features: str = "sift"
    max_keypoints: int = 256
    least: float = 0.6

class Mine:
    def __init__(self, config):
        self.least = config.least

    def match(self, pairs):
        return [self.one(*pair) for pair in pairs]

    def match_block(self, images, pairs):
        return PairSummary.of(self.match([(images.image(a), images.image(b)) for a, b in pairs.tolist()]))

    def one(self, query, gallery):
        if not len(query) or not len(gallery):
            return PairMatches(np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, bool))
        cosine = query.descriptors @ gallery.descriptors.T
        own, best = np.arange(len(query)), cosine.argmax(1)
        scores = cosine[own, best].clip(0, 1)
        keep = (cosine.argmax(0)[best] == own) & (scores > self.least)
        indices = np.stack([own, best], 1)[keep].astype(np.int32)
        return PairMatches(indices, scores[keep], np.ones(len(indices), bool))

@hookimpl
def harness_matchers():
    yield MatcherSpec(name="mine", version="1", config=Settings, build=Mine, symmetric=lambda config: True,
                      summary="a matcher", licence="MIT")
"""

EMPTY = "return PairMatches(np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, bool))"
ONE = "return PairMatches(np.zeros((1, 2), np.int32), np.zeros(1, np.float32), np.zeros(1, bool))"
RESULT = "return [self.one(*pair) for pair in pairs]"
GIVES = "test_gives_one_pair_matches_a_pair"
WRONG = {
    "depends on the size of the batch": Wrong(
        RESULT,
        f"self.least = 0.6 + 0.05 * len(pairs); {RESULT}",
        {"test_a_batch_changes_no_result"},
        frozenset({"test_blocks_find_what_pairs_find"}),
    ),
    "depends on what came before": Wrong(
        "cosine = query.descriptors @ gallery.descriptors.T",
        "cosine = query.descriptors @ gallery.descriptors.T; self.least = self.least % 0.9 + 0.17",
        {"test_the_order_of_pairs_changes_no_result", "test_a_batch_changes_no_result"},
        ALL,
    ),
    "claims a symmetry that it does not have": Wrong(
        "(cosine.argmax(0)[best] == own) & ", "", {"test_declared_symmetry_holds"}
    ),
    "swaps width and height": Wrong(
        "indices = np",
        "keep &= (query.keypoints < query.size[::-1]).all(1) & (gallery.keypoints < gallery.size[::-1]).all(1)[best]\n"
        "        indices = np",
        {"test_a_photograph_that_is_not_square_is_matched_in_all_its_length"},
    ),
    "gives (gallery, query)": Wrong(
        "np.stack([own, best], 1)",
        "np.stack([best, own], 1)",
        {"test_matches_are_pairs_of_keypoints_that_are_there"},
    ),
    "gives a match twice": Wrong(
        "return PairMatches(indices, scores[keep], np.ones(len(indices), bool))",
        "return PairMatches(*(np.repeat(x, 2, axis=0) for x in (indices, scores[keep], indices[:, 0] >= 0)))",
        {"test_matches_are_pairs_of_keypoints_that_are_there"},
        frozenset({"test_one_keypoint_is_enough_to_be_asked"}),
    ),
    "gives scores that are no shares": Wrong(
        "PairMatches(indices, scores[keep],",
        "PairMatches(indices, 2 * scores[keep],",
        {"test_scores_lie_between_0_and_1"},
    ),
    "gives inliers as numbers": Wrong("np.ones(len(indices), bool)", "np.ones(len(indices))", {GIVES}),
    "prefers strangers": Wrong(
        "PairMatches(indices, scores[keep],",
        "PairMatches(indices, 1 - scores[keep],",
        {"test_a_self_pair_beats_a_random_pair"},
        frozenset({"test_another_view_beats_a_random_pair"}),
    ),
    "knows a photograph and no animal": Wrong(
        "least: float = 0.6", "least: float = 0.999999", {"test_another_view_beats_a_random_pair"}
    ),
    "finds matches in nothing": Wrong(
        EMPTY,
        ONE,
        {"test_no_keypoints_give_no_matches"},
        frozenset({"test_matches_are_pairs_of_keypoints_that_are_there"}),
    ),
    "needs two keypoints": Wrong(
        "own, best =",
        "np.partition(cosine, -2, axis=1); own, best =",
        {"test_one_keypoint_is_enough_to_be_asked"},
        frozenset({"test_declared_symmetry_holds"}),
    ),
    "gives indices in int64": Wrong(".astype(np.int32)", ".astype(np.int64)", {GIVES}),
    "gives scores in float64": Wrong(
        "PairMatches(indices, scores[keep]",
        "PairMatches(indices, scores[keep].astype(float)",
        {GIVES},
    ),
    "is a generator": Wrong(RESULT, "yield from (self.one(*p) for p in pairs)", {GIVES}, ALL),
    "prints": Wrong(RESULT, f"print(len(pairs)); {RESULT}", {"test_it_prints_nothing"}),
    "prints below Python": Wrong(RESULT, f"import os; os.write(1, b'hello'); {RESULT}", {"test_it_prints_nothing"}),
    "fails without pairs": Wrong(RESULT, f"assert pairs[0]; {RESULT}", {"test_no_pairs_give_no_results"}),
    "finds other things by the block": Wrong(
        "images.image(a), images.image(b)", "images.image(a), images.image(a)", {"test_blocks_find_what_pairs_find"}
    ),
    "draws from the global state": Wrong(
        "self.least = config.least",
        "self.least = 0.1 + 0.85 * np.random.random()",
        {"test_two_builds_give_equal_bytes"},
    ),
    "changes its input": Wrong(
        "own, best =", "query.scores[:] = 0; own, best =", {"test_the_features_are_left_as_they_are"}
    ),
    "has no limit of keypoints": Wrong(
        "max_keypoints: int = 256", "keypoints: int = 256", {"test_names_features_that_it_accepts"}
    ),
    "names features that it does not accept": Wrong(
        'licence="MIT"', 'licence="MIT", accepts=frozenset({"disk"})', {"test_names_features_that_it_accepts"}
    ),
}


def test_a_right_matcher_passes(passes: Callable[..., dict[str, str]]) -> None:
    assert passes("matcher", RIGHT) == {}


def test_what_is_not_declared_is_skipped_with_the_reason(passes: Callable[..., dict[str, str]]) -> None:
    plain = RIGHT.replace("symmetric=lambda config: True,", "").replace("def match_block", "def other")
    assert passes("matcher", plain) == {
        "test_blocks_find_what_pairs_find": "skipped: no match_block",
        "test_declared_symmetry_holds": "skipped: not declared symmetric",
    }


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_matcher_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("matcher", RIGHT, wrong)


@pytest.mark.parametrize("least", [0.4, 0.6, 0.8, 0.9, 0.95])
def test_false_symmetry_is_caught_whatever_the_threshold(catches: Callable[..., None], least: float) -> None:
    right = RIGHT.replace("least: float = 0.6", f"least: float = {least}")
    catches("matcher", right, WRONG["claims a symmetry that it does not have"])


@pytest.mark.parametrize("least", [0.3, 0.4, 0.6, 0.8, 0.9])
def test_a_threshold_that_moves_a_little_with_the_batch_is_caught(catches: Callable[..., None], least: float) -> None:
    moving = f"self.least = {least} + 0.01 * len(pairs); {RESULT}"
    catches("matcher", RIGHT, WRONG["depends on the size of the batch"]._replace(new=moving))


WORDS = {
    RESULT: {
        "return [[0, 1] for pair in pairs]": "match() must give a harness.PairMatches for each pair; pair 0 is a list",
        "yield 0": "match() must give a list with a harness.PairMatches for each pair, it gives a generator: "
        "use return, not yield",
        "return None": "match() must give a list with a harness.PairMatches for each pair, it gives None",
        f"{RESULT}[1:]": "match() must give a harness.PairMatches for each pair; it gives 6 for 7",
    },
    "PairMatches(indices, scores[keep], np.ones(len(indices), bool))": {
        "PairMatches(indices.tolist(), scores[keep], indices[:, 0] >= 0)": "indices must be a numpy array, is a list",
        "PairMatches(indices, scores[keep].tolist(), indices[:, 0] >= 0)": "scores must be a numpy array, is a list",
        "PairMatches(indices, scores[keep], [True] * len(indices))": "inliers must be a numpy array, is a list",
    },
    "def match(": {"def matches(": "what build() gives, a Mine, lacks match(): see harness.Matcher"},
}


@pytest.mark.parametrize(("old", "new", "words"), [(old, *pair) for old, new in WORDS.items() for pair in new.items()])
def test_what_is_no_pair_matches_is_told_in_words(
    run: Callable[..., dict[str, str]], old: str, new: str, words: str
) -> None:
    found = run("matcher", RIGHT.replace(old, new))
    assert found["test_gives_one_pair_matches_a_pair"].partition("\n")[0] == f"failed: {words}"
    assert not [text for text in found.values() if "has no attribute" in text]
