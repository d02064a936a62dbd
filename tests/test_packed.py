"""Features in arrays of one shape: what goes in comes out, and sums of what is found on pairs."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from pictures import random_features, same_features

from harness import DataError, PackedFeatures, PairMatches, PairSummary

IMAGES = [random_features(count, 8, count, size=(400 + count, 200)) for count in (7, 0, 12)]
PAIRS = [(IMAGES[0], IMAGES[2]), (IMAGES[0], IMAGES[1]), (IMAGES[2], IMAGES[0])]


def test_each_image_of_the_pairs_is_packed_once_and_comes_out_as_it_was() -> None:
    packed, rows = PackedFeatures.of_pairs(PAIRS)
    assert len(packed) == 3
    assert packed.count.tolist() == [7, 12, 0]
    for pair, (query, gallery) in zip(PAIRS, rows, strict=True):
        assert same_features(pair[0], packed.image(query))
        assert len(packed.image(gallery)) == len(pair[1])
    assert not packed.descriptors[0, 7:].any()


def test_no_pairs_are_no_images() -> None:
    packed, rows = PackedFeatures.of_pairs([])
    assert len(packed) == 0
    assert rows.shape == (0, 2)


def test_images_without_keypoints_may_have_descriptors_of_any_length() -> None:
    none = replace(IMAGES[1], descriptors=np.zeros((0, 3), np.float32))
    packed, _ = PackedFeatures.of_pairs([(IMAGES[0], none)])
    assert packed.descriptors.shape == (2, 7, 8)


def test_descriptors_of_unequal_length_are_an_error() -> None:
    with pytest.raises(DataError, match="length 5 cannot be matched with descriptors of length 8"):
        PackedFeatures.of_pairs([(IMAGES[0], random_features(3, 5, 0))])


@pytest.mark.parametrize("name", [field.name for field in fields(PackedFeatures)])
def test_an_array_of_another_length_is_refused(name: str) -> None:
    packed, _ = PackedFeatures.of_pairs(PAIRS)
    with pytest.raises(DataError, match="packed"):
        replace(packed, **{name: getattr(packed, name)[:-1]})


def test_arrays_are_taken_by_name() -> None:
    packed, _ = PackedFeatures.of_pairs(PAIRS)
    arrays = {field.name: getattr(packed, field.name) for field in fields(packed)}
    assert PackedFeatures.of({**arrays, "other": np.zeros(1)}).count is packed.count


def matches(scores: list[float], inliers: int) -> PairMatches:
    m = len(scores)
    return PairMatches(np.zeros((m, 2), np.int32), np.array(scores, np.float32), np.arange(m) < inliers)


def test_a_summary_counts_and_sums() -> None:
    found = PairSummary.of([matches([0.5, 0.25, 1.0], 2), matches([], 0)])
    assert found.count.tolist() == [3, 0]
    assert found.confidence.tolist() == [1.75, 0]
    assert found.inliers.tolist() == [2, 0]
    joined = PairSummary.joined([found, PairSummary.of([]), found])
    assert joined.count.tolist() == [3, 0, 3, 0]
    assert joined.confidence.dtype == np.float32
    assert len(PairSummary.joined([])) == 0


def test_columns_of_unequal_length_are_refused() -> None:
    three = np.zeros(3, np.float32)
    with pytest.raises(DataError, match="unequal"):
        PairSummary(three, three, three[:2])
