"""Masks of a table: sizes, missing ones, guesses through the store, digests, and features kept to the animal."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from little import little
from PIL import Image as Pil
from support import HERD
from tiny import Quiet

from harness import Config, DataError, ImageTable, SegmenterSpec
from harness.choice import Choice
from harness.data import load
from harness.grid import expand
from harness.images import read_image
from harness.keys import Keys
from harness.local_stages import LocalStages
from harness.masks import Masks, column_digest, masks_of
from harness.packed import PackedFeatures
from harness.pipeline import Pipeline
from harness.progress import Quiet as QuietStages
from harness.protocol import Protocol
from harness.registry import Registry
from harness.runner import impossible_on
from harness.store import Key, Store
from harness.types import Image
from harness.workbench import Workbench

FAROPIG = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "faropig"


def written(folder: Path, name: str, pixels: Image, **options: Any) -> str:
    (folder / name).parent.mkdir(exist_ok=True)
    Pil.fromarray(pixels).save(folder / name, **options)
    return name


def left(height: int, width: int) -> Image:
    """Animal in the left half."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return mask


def photograph(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def table_of(folder: Path, sizes: Sequence[tuple[int, int]], masks: Sequence[str]) -> ImageTable:
    """Photographs of these (height, width), with the mask files of these names."""
    paths = [written(folder, f"{row}.png", photograph(*size, row)) for row, size in enumerate(sizes)]
    ids = np.array([f"image{row}" for row in range(len(sizes))])
    digests = [f"{row:064x}" for row in range(len(sizes))]
    return ImageTable(folder, ids, np.array(paths), ids, mask=np.array(masks), digest=np.array(digests))


def workbench(folder: Path) -> Workbench:
    return Workbench(Store(folder / "store"), QuietStages(), lambda **facts: None)


class Left:
    """A segmenter that finds the left half, and counts the photographs that it saw."""

    def __init__(self) -> None:
        self.seen = 0

    def segment(self, images: Sequence[Image]) -> list[Image]:
        self.seen += len(images)
        return [left(*image.shape[:2]) for image in images]


def choice(segmenter: Left) -> Choice:
    return Choice(SegmenterSpec(name="left", version="1", build=lambda config: segmenter), Config(), __name__)


def key(segmenter: Choice) -> Key:
    return Key("segment", {"name": segmenter.spec.name})


def column(table: ImageTable, folder: Path) -> Masks:
    return masks_of(table, None, workbench(folder), key)


def test_a_mask_is_that_of_its_row_and_exact(tmp_path: Path) -> None:
    names = [written(tmp_path, f"m{row}.png", mask) for row, mask in enumerate((left(20, 30), 255 - left(40, 10)))]
    masks = column(table_of(tmp_path, [(20, 30), (40, 10)], names), tmp_path)
    assert (len(masks), masks.exact) == (2, True)
    assert np.array_equal(masks[0], left(20, 30))
    assert np.array_equal(masks[1], 255 - left(40, 10))
    assert np.array_equal(masks.select([1])[0], masks[1])
    assert np.array_equal(masks.batch([1, 0], [(10, 40), (30, 20)])[1], masks[0])


@pytest.mark.parametrize("size", [(40, 60), (60, 90), (201, 300)])
def test_a_mask_of_another_size_is_brought_to_its_photographs_by_the_nearest_pixel(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    mask = column(table_of(tmp_path, [(20, 30)], [written(tmp_path, "m.png", left(*size))]), tmp_path)[0]
    assert np.array_equal(mask, left(20, 30))


def test_a_mask_of_another_shape_is_refused_and_names_both_files(tmp_path: Path) -> None:
    masks = column(table_of(tmp_path, [(100, 100)], [written(tmp_path, "m.png", left(100, 103))]), tmp_path)
    with pytest.raises(DataError, match=r"mask m\.png is 103 x 100 pixels, its photograph 0\.png is 100 x 100"):
        masks[0]


def test_a_photograph_on_its_side_has_the_size_that_it_is_shown_in(tmp_path: Path) -> None:
    table = table_of(tmp_path, [(20, 30)], [written(tmp_path, "m.png", left(30, 20))])
    exif = Pil.Exif()
    exif[0x0112] = 6
    written(tmp_path, "turned.jpg", photograph(20, 30), exif=exif)
    turned = table.with_columns(path=np.array(["turned.jpg"]))
    assert read_image(tmp_path / "turned.jpg").shape[:2] == (30, 20)
    assert np.array_equal(column(turned, tmp_path)[0], left(30, 20))


def test_a_table_without_masks_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)row 0 \(image_id 'image0'\) has no mask.*grabcut"):
        column(table_of(tmp_path, [(4, 6), (4, 6)], ["", ""]), tmp_path)


def test_where_some_rows_lack_a_mask_they_are_all_animal_and_counted_once(tmp_path: Path) -> None:
    table = table_of(tmp_path, [(4, 6), (5, 7), (8, 9)], ["", written(tmp_path, "m.png", left(5, 7)), ""])
    with pytest.warns(UserWarning, match=r"2 of 3 rows have no mask .* row 0 \(image_id 'image0'\)") as told:
        masks = column(table, tmp_path)
    assert len(told) == 1
    assert (masks[0] == 255).all()
    assert masks[2].shape == (8, 9)
    assert np.array_equal(masks[1], left(5, 7))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    table = table_of(tmp_path, [(4, 6)], ["gone.png"])
    with pytest.raises(DataError, match=r"gone\.png"):
        column(table, tmp_path)[0]
    with pytest.raises(DataError, match=r"mask .*gone\.png cannot be read"):
        column_digest(table)
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0\.png cannot be decoded"):
        column(table, tmp_path)[0]


def test_a_guess_is_made_once_and_comes_back_from_the_store(tmp_path: Path) -> None:
    table, segmenter = table_of(tmp_path, [(40, 60), (30, 20), (300, 200)], ["", "", ""]), Left()
    for _ in range(2):
        masks = masks_of(table, choice(segmenter), workbench(tmp_path), key)
        assert not masks.exact
        for row, size in enumerate([(40, 60), (30, 20), (300, 200)]):
            assert np.array_equal(masks[row], left(*size))
        assert masks.select([2, 1])[0].shape == (300, 200)
    assert segmenter.seen == 3


def test_of_two_rows_with_one_content_one_is_segmented(tmp_path: Path) -> None:
    table, segmenter = table_of(tmp_path, [(4, 6), (4, 6)], ["", ""]), Left()
    twice = table.with_columns(digest=table.digest[[0, 0]])
    assert len(masks_of(twice, choice(segmenter), workbench(tmp_path), key)) == 2
    assert segmenter.seen == 1


def test_the_digest_of_a_column_goes_by_contents_and_not_by_names(tmp_path: Path) -> None:
    table = table_of(tmp_path, [(4, 6), (4, 6)], ["", written(tmp_path, "m.png", left(4, 6))])
    first = column_digest(table)
    shutil.copy(tmp_path / "m.png", tmp_path / "other.png")
    assert column_digest(table.with_columns(mask=np.array(["", "other.png"]))) == first
    assert column_digest(table.with_columns(mask=np.array(["m.png", ""]))) != first
    written(tmp_path, "m.png", 255 - left(4, 6))
    assert column_digest(table) != first


@pytest.fixture
def herd(tmp_path: Path, drawn: Path) -> tuple[LocalStages, Registry]:
    """The drawn herd, whose masks are exact, with the store's stages."""
    store, registry = Store(Path(shutil.copytree(drawn, tmp_path / "herd"))), Registry.load()
    data = load(registry.resolve("dataset", HERD), Protocol(dataset=HERD, shortlist=10, ks=(1,)), store, Quiet())
    data = replace(data, table=data.table.select(range(6)))
    return LocalStages(Workbench(store, QuietStages(), lambda **facts: None), data, Keys(data, "cpu")), registry


def described(stages: LocalStages, features: Choice) -> PackedFeatures:
    return PackedFeatures.of(stages.described(features).read(stages.data.table.digest.tolist()))


@pytest.mark.parametrize("segmenter", ["column", "grabcut"])
def test_keypoints_stay_on_the_animal_and_are_as_many_as_they_can_be(
    herd: tuple[LocalStages, Registry], segmenter: str
) -> None:
    stages, registry = herd
    features = registry.resolve("features", f"sift[max_keypoints=12,mask=keypoints,segmenter={segmenter}]")
    plain, every = (
        described(stages, registry.resolve("features", f"sift[max_keypoints={limit}]")) for limit in (12, 48)
    )
    kept, masks = described(stages, features), stages.masks(features)
    assert masks is not None
    assert masks.exact == (segmenter == "column")
    fewer = 0
    for row in range(len(stages.data.table)):
        x, y = np.rint(every.keypoints[row, : every.count[row]]).astype(int).T
        inside = np.flatnonzero(masks[row][y, x])[:12]
        assert np.array_equal(kept.keypoints[row, : kept.count[row]], every.keypoints[row, inside])
        assert np.array_equal(kept.descriptors[row, : kept.count[row]], every.descriptors[row, inside])
        own = plain.keypoints[row, : plain.count[row]]
        fewer += not np.array_equal(own, kept.keypoints[row, : kept.count[row]])
    assert fewer > 0, "the mask changed nothing"


def test_blanked_pixels_leave_no_keypoint_far_from_the_animal(herd: tuple[LocalStages, Registry]) -> None:
    stages, registry = herd
    features = registry.resolve("features", "sift[mask=pixels]")
    found, masks = described(stages, features), stages.masks(features)
    assert masks is not None
    assert found.count.max() > 0
    for row in range(len(masks)):
        x, y = np.rint(found.keypoints[row, : found.count[row]]).astype(int).T
        ys, xs = np.nonzero(masks[row])
        away = np.hypot(x[:, None] - xs, y[:, None] - ys).min(axis=1)
        assert (away <= found.scales[row, : found.count[row]] + 2).all()


def test_an_empty_mask_gives_no_keypoints_and_is_counted(herd: tuple[LocalStages, Registry]) -> None:
    stages, registry = herd
    table = stages.data.table
    height, width = read_image(table.root / str(table.path[0])).shape[:2]
    written(table.root, "empty.png", np.zeros((height, width), np.uint8))
    data = replace(stages.data, table=table.with_columns(mask=np.array(["empty.png", *table.mask[1:]])))
    for mask in ("keypoints", "pixels"):
        own = LocalStages(stages.bench, data, Keys(data, "cpu"))
        with pytest.warns(UserWarning, match=r"[1-6] of 6 photographs have no keypoint on the animal for sift"):
            found = described(own, registry.resolve("features", f"sift[max_keypoints=12,mask={mask}]"))
        assert found.count[0] == 0
        assert found.count.max() > 0


def test_the_cost_of_the_masks_is_told_whether_computed_or_found(herd: tuple[LocalStages, Registry]) -> None:
    stages, registry = herd
    features = registry.resolve("features", "sift[max_keypoints=12,mask=keypoints,segmenter=grabcut]")
    for cached in (False, True):
        stages.bench.begin()
        stages.described(features)
        assert stages.bench.tally.cached == {"segment": cached, "describe": cached}
        assert stages.bench.tally.seconds["segment"] > 0
    stages.bench.begin()
    stages.described(registry.resolve("features", "sift[max_keypoints=12]"))
    assert set(stages.bench.tally.cached) == {"describe"}


def test_features_with_plain_settings_are_not_masked(herd: tuple[LocalStages, Registry]) -> None:
    stages, registry = herd

    class Settings(Config):
        max_keypoints: int = 12
        mask: str = "keypoints"  # a foreign plugin's own setting of this name

    sift = registry.resolve("features", "sift[max_keypoints=12]")
    spec = replace(sift.spec, config=Settings, build=lambda config: sift.build())
    foreign = Choice(spec, Settings(), sift.module)
    assert stages.masks(foreign) is None
    assert np.array_equal(described(stages, foreign).keypoints, described(stages, sift).keypoints)


@pytest.mark.skipif(not FAROPIG.is_dir(), reason="no faropig in ../shared/data")
def test_real_masks_fit_their_photographs_and_grabcut_is_better_than_all_animal(tmp_path: Path) -> None:
    registry = Registry.load()
    dataset = registry.resolve("dataset", f"wildlifereid10k[root={FAROPIG}]").build(tmp_path)
    table = dataset.table()
    assert (table.mask != "").all()
    table = table.select(np.linspace(0, len(table) - 1, 12).astype(int))
    masks = column(table, tmp_path)
    photographs = [read_image(table.root / str(path)) for path in table.path]
    guessed = registry.resolve("segmenter", "grabcut").build().segment(photographs)
    scores = []
    for row, photo in enumerate(photographs):
        assert masks[row].shape == photo.shape[:2]
        exact, guess = masks[row] > 0, guessed[row] > 0
        scores.append(((exact & guess).sum() / (exact | guess).sum(), exact.mean()))
    found, whole = np.mean(scores, axis=0)
    assert found > whole, "an intersection over union of all pixels is the animal's share"


@pytest.mark.slow
def test_a_cell_of_masked_features_runs_and_shares_what_it_can(tmp_path: Path, drawn: Path) -> None:
    store, registry = Store(Path(shutil.copytree(drawn, tmp_path / "herd"))), Registry.load()
    grid, keys = little(store)
    cell = next(cell for cell in grid.cells if cell.matcher and not cell.loss)
    pipeline = Pipeline(store, keys.data, "cpu", QuietStages(), lambda **facts: None)
    results = {}
    for text in ("mask=none", "mask=keypoints", "mask=pixels,segmenter=grabcut", "mask=keypoints,segmenter=grabcut"):
        features = registry.resolve("features", f"sift[max_keypoints=48,{text}]")
        one = replace(cell, features=features)
        assert impossible_on(one, keys.data) == ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a photograph without a keypoint on its animal
            value, tally = pipeline.run(one)
        assert tally.cached["embed"] == bool(results)
        assert not tally.cached["match"]
        results[text] = (value.info["counts"], tally.cached.get("segment"))
    assert [segmented for _, segmented in results.values()] == [None, None, False, True]
    assert len({counts["pairs"] for counts, _ in results.values()}) == 1


def test_a_data_set_without_masks_skips_cells_that_want_its_own(herd: tuple[LocalStages, Registry]) -> None:
    stages, registry = herd
    bare = replace(stages.data, table=stages.data.table.with_columns(mask=np.full(len(stages.data.table), "")))
    backbone = "timm[model=resnet10t,weights=random,size=32]"
    reasons = {}
    for text in ("", "[mask=pixels]", "[mask=pixels,segmenter=grabcut]"):
        axes = {"backbone": backbone, "matcher": f"mutual-nn[features=sift{text}]", "fusion": "replace"}
        (cell,) = expand({"axes": axes}, registry).cells
        reasons[text] = impossible_on(cell, bare)
    assert reasons[""] == reasons["[mask=pixels,segmenter=grabcut]"] == ""
    assert "has no masks for sift[mask=pixels]: name a segmenter" in reasons["[mask=pixels]"]
