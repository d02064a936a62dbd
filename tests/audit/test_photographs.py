"""Crops of one photograph are told from other pictures, whatever their scale; deterministic, each described once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import grey, textured
from tiny import Quiet

from harness.audit import photographs
from harness.audit.photographs import Photograph, candidates, compare, compare_all
from harness.table import ImageTable
from harness.types import Image


def scaled(image: Image, width: int, height: int) -> Image:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def picture() -> Image:
    return textured(300, 400)


def test_a_crop_is_the_same_photograph_at_another_scale(picture: Image) -> None:
    crop = scaled(picture[60:220, 120:360], 120, 80)
    for pair in ((picture, crop), (crop, picture)):
        found = compare(*pair)
        assert found.same
        assert found.overlap > 0.95
        assert found.correlation > 0.95


def test_the_overlap_is_that_of_the_smaller_picture(picture: Image) -> None:
    found = compare(picture[:, :240], picture[:, 160:])
    assert found.same
    assert found.overlap == pytest.approx(80 / 240, abs=0.02)


def test_two_places_are_two_photographs(picture: Image) -> None:
    assert not compare(picture, textured(300, 400, seed=1)).same
    assert not compare(picture[:, :190], picture[:, 210:]).same


def test_another_animal_before_the_same_background_is_another_photograph(picture: Image) -> None:
    changed = picture.copy()
    changed[40:260, 80:320] = textured(220, 240, seed=7)
    found = compare(picture, changed)
    assert found.inliers >= photographs.INLIERS  # the background agrees
    assert not found.same


def test_pictures_without_keypoints_are_compared_to_nothing(picture: Image) -> None:
    for pair in ((grey(40, 60), picture), (picture, grey(40, 60)), (grey(1, 1), grey(1, 1))):
        assert compare(*pair) == Photograph(0, 0.0, 0.0)


def table(identities: str, datasets: str) -> ImageTable:
    names = np.array([f"{n}" for n in range(len(identities))])
    return ImageTable(
        root=Path("/"),
        image_id=names,
        path=names,
        identity=np.array(list(identities)),
        dataset=np.array(list(datasets)),
    )


def test_candidates_are_pairs_of_one_individual_in_one_scope_kept_together() -> None:
    query, gallery = table("bab", "xxy"), table("abba", "xxyy")
    found = candidates(query, gallery, query.dataset, gallery.dataset)
    assert found == [(1, 0), (0, 1), (2, 2)]
    whole = np.full(3, ""), np.full(4, "")
    assert set(candidates(query, gallery, *whole)) == {(0, 1), (0, 2), (1, 0), (1, 3), (2, 1), (2, 2)}


def test_all_pairs_are_compared_and_each_picture_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "CHUNK", 2)
    base = textured(120, 160)
    pictures = {"a": base, "b": base[:, 40:], "c": textured(120, 160, seed=3)}
    pairs, read, told = [("a", "b"), ("a", "c"), ("b", "c")], Counter[str](), Quiet()

    def load(name: str) -> Image:
        read[name] += 1
        return pictures[name]

    parts = list(compare_all(pairs, load, told))
    assert [names for names, _ in parts] == [pairs[:2], pairs[2:]]
    found = dict(zip(pairs, [photo for _, photos in parts for photo in photos], strict=True))
    assert [found[pair].same for pair in pairs] == [True, False, False]
    assert found == {(a, b): compare(pictures[a], pictures[b]) for a, b in pairs}  # threads change nothing
    assert read == {"a": 1, "b": 1, "c": 1}
    assert (told.total, told.done) == (3, 3)


def test_nothing_to_compare_is_fine() -> None:
    assert list(compare_all([], lambda name: grey(2, 2), Quiet())) == []
