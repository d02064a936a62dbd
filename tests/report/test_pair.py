"""A pair as it is drawn: the class of each match, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_pair import PAIR

from harness.masks import Masks
from harness.progress import Quiet
from harness.registry import Registry
from harness.replay import Replay, SeenPair
from harness.report.chapter import chapters
from harness.report.pair import BACKGROUND, BATCH, MATCH, OUTLIER, _on, drawn
from harness.results import Results
from harness.store import Store
from harness.types import LocalFeatures, PairMatches

if TYPE_CHECKING:
    from conftest import Made


def test_an_outlier_is_one_wherever_it_lies_and_only_where_there_was_a_check() -> None:
    assert PAIR.classes.tolist() == [MATCH, BACKGROUND, OUTLIER]
    assert replace(PAIR, checked=False).classes.tolist() == [MATCH, BACKGROUND, BACKGROUND]
    assert replace(PAIR, on=None).classes.tolist() == [MATCH, MATCH, OUTLIER]
    assert replace(PAIR, on=None, checked=False).classes.tolist() == [MATCH] * 3


def test_the_words_say_what_is_known_and_no_more() -> None:
    assert PAIR.words == (
        "3 matches between 3 and 2 keypoints, 2 agree with one geometry, 1 lie on the animal at both ends."
    )
    assert replace(PAIR, on=None, checked=False).words == "3 matches between 3 and 2 keypoints."
    assert PAIR.share == pytest.approx(1 / 3)
    assert replace(PAIR, on=None).share is None


def test_an_image_without_keypoints_is_told() -> None:
    none = np.zeros((0, 2), np.int32)
    empty = replace(
        PAIR,
        keypoints=(np.zeros((0, 2), np.float32), PAIR.keypoints[1]),
        indices=none,
        scores=np.zeros(0, np.float32),
        inliers=np.zeros(0, np.bool_),
        on=np.zeros(0, np.bool_),
    )
    assert empty.empty == ["query"]
    assert empty.words.endswith("the query has no keypoint.")
    assert empty.share is None
    assert empty.classes.tolist() == []


def seen(keypoints: list[tuple[float, float]], size: tuple[int, int]) -> LocalFeatures:
    n, points = len(keypoints), np.array(keypoints, np.float32)
    zeros = np.zeros(n, np.float32)
    return LocalFeatures(points, np.zeros((n, 4), np.float32), zeros, zeros, zeros, size)


def test_both_ends_must_lie_on_the_animal_and_x_comes_before_y(tmp_path: Path) -> None:
    from PIL import Image as Pil

    from harness.table import ImageTable

    wide = np.zeros((20, 40), np.uint8)
    wide[:, 30:] = 255  # the animal is at the right of a photograph that is wider than high
    Pil.fromarray(wide).save(tmp_path / "a.png")
    Pil.fromarray(wide[:, ::-1]).save(tmp_path / "b.png")
    names = np.array(["a.png", "b.png", "c.png"])
    table = ImageTable(tmp_path, names, names, np.array(["1", "1", "2"]), mask=np.array(["a.png", "b.png", ""]))
    one, other = seen([(35, 5), (5, 15)], (40, 20)), seen([(0, 0), (15, 5)], (40, 20))
    indices = np.array([[0, 0], [1, 0], [0, 1]], np.int32)
    found = SeenPair(one, other, PairMatches(indices, np.ones(3, np.float32), np.ones(3, np.bool_)))
    on = _on(found, Masks(table), (0, 1))
    assert on is not None
    assert on.tolist() == [True, False, False]
    assert _on(found, Masks(table), (0, 2)) is None, "nothing is known of an image without a mask"
    assert _on(found, None, (0, 1)) is None


@pytest.fixture
def replay(made: Made) -> Replay:
    (chapter,) = chapters(Results(made.results), Store(made.store), Registry.load(), Quiet())
    found = chapter.replay(next(record for record in chapter.rankings if record.matcher != "none"))
    assert found is not None
    return found


@pytest.mark.slow
def test_what_is_drawn_is_what_the_run_counted(replay: Replay) -> None:
    assert replay.local is not None
    places = [(query, place) for query in range(4) for place in range(4)]
    assert len(places) > BATCH
    pairs = [(query, int(replay.coarse.order[query, place])) for query, place in places]
    found = list(drawn(replay, pairs))
    assert [(pair.query, pair.gallery) for pair in found] == pairs
    assert [len(pair) for pair in found] == [replay.local.count[query, place] for query, place in places]
    assert not any(pair.checked for pair in found)
    assert list(drawn(replay, [])) == []


@pytest.mark.slow
def test_the_masks_are_those_of_the_two_images(replay: Replay) -> None:
    masks, table = replay.masks(), replay.data.table
    assert masks is not None
    rows = {str(name): row for row, name in enumerate(table.image_id)}
    pairs = [(query, int(replay.final.order[query, 0])) for query in range(6)]
    lying = []
    for pair in drawn(replay, pairs):
        names = str(replay.query.image_id[pair.query]), str(replay.gallery.image_id[pair.gallery])
        both = [masks[rows[name]] for name in names]
        expected = [
            all(mask[round(float(y)), round(float(x))] > 0 for mask, (x, y) in zip(both, ends, strict=True))
            for ends in zip(*(pair.keypoints[side][pair.indices[:, side]] for side in (0, 1)), strict=True)
        ]
        assert pair.on is not None
        assert pair.on.tolist() == expected
        lying += expected
    assert 0 < sum(lying) < len(lying)
