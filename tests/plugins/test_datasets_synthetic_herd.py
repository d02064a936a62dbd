"""The synthetic herd: the same bytes from the same seed, a sound table, masks, and a folder that is whole or absent."""

import hashlib
import io
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness_plugins.datasets import _herd_files, synthetic_herd
from harness_plugins.datasets._herd_body import ANATOMIES, extent, posed
from harness_plugins.datasets._herd_coats import SHAPE, Dice, paint
from harness_plugins.datasets._herd_fields import generator, stroke
from harness_plugins.datasets._herd_plan import plan
from harness_plugins.datasets._herd_png import png
from harness_plugins.datasets.synthetic_herd import HerdConfig, SyntheticHerd
from PIL import Image
from pydantic import ValidationError

from harness import DataError, DatasetSpec, ImageTable
from harness.images import read_image, read_mask

SMALL = HerdConfig(
    individuals=6, new_fraction=0.34, encounters=3, images=2, maze=0, size=64, near_duplicates=0.4, workers=1
)


TINY = HerdConfig(individuals=2, new_fraction=0, encounters=2, images=2, spots=0, maze=0, size=64, workers=1)
KNOWN_PICTURE = "7a31a82423441c22"


def small(**settings: object) -> HerdConfig:
    return HerdConfig(**{**SMALL.model_dump(), **settings})


def prepared(config: HerdConfig, folder: Path) -> ImageTable:
    herd = SyntheticHerd(config, folder)
    herd.prepare(folder)
    return herd.table()


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("herd") / "small"
    SyntheticHerd(SMALL, target).prepare(target)
    return target


@pytest.fixture(scope="module")
def table(folder: Path) -> ImageTable:
    return SyntheticHerd(SMALL, folder).table()


def test_the_plugin_is_declared_as_generated() -> None:
    (spec,) = synthetic_herd.harness_datasets()
    assert isinstance(spec, DatasetSpec)
    assert spec.name == "synthetic-herd"
    assert spec.generated
    assert isinstance(spec.build(SMALL, Path("nowhere")), SyntheticHerd)


def test_two_workers_draw_the_same_bytes_as_one(folder: Path, tmp_path: Path) -> None:
    prepared(small(workers=2), tmp_path / "again")
    assert digests(tmp_path / "again") == digests(folder)


def test_another_seed_draws_other_photographs(folder: Path, tmp_path: Path) -> None:
    prepared(TINY.model_copy(update={"seed": 1}), tmp_path / "other")
    pictures = {value for name, value in digests(folder).items() if name.startswith("images/")}
    others = {value for name, value in digests(tmp_path / "other").items() if name.startswith("images/")}
    assert others
    assert not pictures & others


def test_a_known_picture_keeps_its_bytes() -> None:
    """Fails when the drawing changes: then results on the herd change too, so raise the plugin's version."""
    config = small(individuals=2, new_fraction=0)
    shot = plan(config)[0][0]
    picture, mask = _herd_files.take(config, shot, _herd_files.coats_of(config, [shot])[shot.side])
    assert hashlib.sha256(picture.tobytes() + mask.tobytes()).hexdigest()[:16] == KNOWN_PICTURE


def test_the_table_holds_every_file_and_nothing_else(folder: Path, table: ImageTable) -> None:
    assert len(table) == 4 * 3 * 2 + 2 * 1 * 2
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}
    assert on_disk == set(table.path) | set(table.mask)
    assert set(table.species) == {"rosette-cat", "striped-horse"}
    assert set(table.dataset) == {"SyntheticHerd"}
    assert read_image(folder / table.path[0]).shape == (48, 64, 3)


def test_new_individuals_are_met_in_test_alone(table: ImageTable) -> None:
    train = set(table.identity[table.split == "train"])
    new = set(table.identity[table.split == "test"]) - train
    assert len(train) == 4
    assert len(new) == 2


def test_no_encounter_is_in_both_splits_and_later_ones_are_test(table: ImageTable) -> None:
    assert not set(table.group[table.split == "train"]) & set(table.group[table.split == "test"])
    for name in set(table.identity[table.split == "train"]):
        own = table.identity == name
        assert max(table.group[own & (table.split == "train")]) < min(table.group[own & (table.split == "test")])


def test_an_encounter_shows_one_individual_from_one_side(table: ImageTable) -> None:
    for group in set(table.group):
        rows = table.group == group
        assert len(set(table.identity[rows])) == len(set(table.orientation[rows])) == 1


def test_the_flanks_setting_decides_the_orientation() -> None:
    both = {shot.side for shots in plan(SMALL) for shot in shots}
    assert both == {"left", "right"}
    assert {shot.side for shots in plan(small(flanks="right")) for shot in shots} == {"right"}


@pytest.mark.parametrize("encounters", [2, 3, 6])
def test_a_flank_in_test_was_seen_in_train(encounters: int) -> None:
    for shots in plan(small(encounters=encounters, new_fraction=0)):
        train = {shot.side for shot in shots if shot.split == "train"}
        assert {shot.side for shot in shots if shot.split == "test"} <= train


def test_the_left_flank_looks_left() -> None:
    """The same shot of the other side, with the same coat, is the mirror image up to its shift."""
    config = small(difficulty=0, occlusion=0, size=96)
    shot = replace(plan(config)[0][0], side="right")
    coat = _herd_files.coats_of(config, [shot])["right"]
    masks = [_herd_files.take(config, replace(shot, side=side), coat)[1] > 0 for side in ("left", "right")]
    shared = (masks[0][:, ::-1] & masks[1]).sum() / (masks[0][:, ::-1] | masks[1]).sum()
    straight = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert shared > 0.8 > straight


def test_the_two_flanks_of_one_individual_differ_as_much_as_two_individuals() -> None:
    def coat(number: int, flank: int) -> np.ndarray:
        return paint("stripes", Dice(generator(0, 1, number, flank), generator(0, 6, 1, flank), 0.0))

    own = np.abs(coat(0, 0) - coat(0, 1)).mean()
    other = np.abs(coat(0, 0) - coat(1, 0)).mean()
    assert own > 0.8 * other > 0.05


@pytest.mark.parametrize("pattern", ["spots", "stripes", "maze"])
def test_likeness_draws_individuals_together_and_keeps_the_colours(pattern: str) -> None:
    def coat(number: int, likeness: float) -> np.ndarray:
        return paint(pattern, Dice(generator(0, 1, number, 0), generator(0, 6, 0, 0), likeness))

    first, second, kin = coat(0, 0.0), coat(1, 0.0), coat(1, 0.9)
    assert first.shape == (*SHAPE, 3)
    assert np.abs(first.mean(axis=(0, 1)) - second.mean(axis=(0, 1))).max() < 0.03
    assert np.abs(coat(0, 0.9) - kin).mean() < 0.8 * np.abs(first - second).mean()


def test_masks_cover_a_plausible_share_and_lie_on_the_animal(folder: Path, table: ImageTable) -> None:
    shares = [(read_mask(folder / mask) > 0).mean() for mask in table.mask]
    assert min(shares) > 0.04
    assert max(shares) < 0.7
    assert 0.1 < float(np.median(shares)) < 0.5


def test_a_mask_is_where_the_coat_shows() -> None:
    """A picture of a magenta animal is magenta inside its mask and nowhere else."""
    config = small(difficulty=0, occlusion=1, size=128)
    for shots in plan(config)[:2]:
        magenta = np.ones((*SHAPE, 3)) * (1.0, 0.0, 1.0)
        picture, mask = _herd_files.take(config, shots[0], magenta)
        seen = np.minimum(picture[..., 0], picture[..., 2]).astype(int) - picture[..., 1] > 50
        agree = (seen & (mask > 0)).sum() / (seen | (mask > 0)).sum()
        assert agree > 0.8


def test_near_duplicates_repeat_a_frame_of_the_same_encounter(folder: Path, table: ImageTable) -> None:
    shots = {shot.image_id: shot for own in plan(SMALL) for shot in own}
    bursts = [shot for shot in shots.values() if shot.burst_of]
    assert bursts
    for shot in bursts:
        first = next(s for s in shots.values() if s.key == shot.burst_of)
        assert first.encounter == shot.encounter
        assert _difference(folder, first.path, shot.path) < 12
        assert (folder / first.path).read_bytes() != (folder / shot.path).read_bytes()
    plain = [s for s in shots.values() if not s.burst_of and s.key[2] == 1]
    assert min(_difference(folder, s.path, s.path.replace("-01.png", "-00.png")) for s in plain) > 15


def _difference(folder: Path, first: str, second: str) -> float:
    return float(np.abs(read_image(folder / first).astype(float) - read_image(folder / second)).mean())


def test_the_share_of_near_duplicates_is_the_setting() -> None:
    shots = [shot for own in plan(HerdConfig(individuals=300, near_duplicates=0.2)) for shot in own]
    assert np.mean([shot.burst_of is not None for shot in shots]) == pytest.approx(0.2, abs=0.03)
    assert not any(shot.burst_of for own in plan(small(near_duplicates=0)) for shot in own)


def test_the_background_is_tied_to_the_encounter_as_far_as_asked() -> None:
    def lone(tied: float) -> float:
        shots = [s for own in plan(small(individuals=60, background_tied=tied, near_duplicates=0)) for s in own]
        places = {s.key: s.place for s in shots}
        return float(np.mean([places[(i, e, 0)] == place for (i, e, f), place in places.items() if f == 1]))

    assert lone(1.0) == 1.0
    assert lone(0.0) < 0.2
    assert lone(0.0) < lone(0.6) < 1.0


def test_no_individual_is_met_at_one_place_in_train_and_test() -> None:
    for shots in plan(small(background_tied=1.0)):
        train = {shot.place for shot in shots if shot.split == "train"}
        assert not train & {shot.place for shot in shots if shot.split == "test"}


def test_species_have_their_shares() -> None:
    own = [shots[0].pattern for shots in plan(small(individuals=40, spots=2, stripes=1, maze=1))]
    assert [own.count(name) for name in ("spots", "stripes", "maze")] == [20, 10, 10]


@pytest.mark.parametrize(
    "settings",
    [
        {"individuals": 1},
        {"new_fraction": 0.95},
        {"individuals": 2, "new_fraction": 0.9},
        {"encounters": 1},
        {"images": 0},
        {"images": 1},
        {"size": 32},
        {"occlusion": 1.5},
        {"difficulty": -0.1},
        {"background_tied": 2},
        {"near_duplicates": 0.9},
        {"likeness": 1},
        {"flanks": "top"},
        {"seed": -1},
        {"spots": 0, "stripes": 0, "maze": 0},
        {"pattern": "dots"},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HerdConfig(**settings)


def test_a_folder_that_is_not_prepared_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="harness data prepare synthetic-herd"):
        SyntheticHerd(SMALL, tmp_path / "nothing").table()


def test_a_herd_of_other_settings_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="other settings"):
        SyntheticHerd(small(seed=5), folder).table()
    with pytest.raises(DataError, match="other settings"):
        SyntheticHerd(small(seed=5), folder).prepare(folder)
    assert len(SyntheticHerd(small(workers=7), folder).table())


def test_a_folder_with_foreign_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "me.txt").write_text("keep")
    with pytest.raises(DataError, match="not this herd"):
        SyntheticHerd(SMALL, tmp_path / "holiday").prepare(tmp_path / "holiday")
    assert (tmp_path / "holiday" / "me.txt").read_text() == "keep"


def test_a_damaged_metadata_row_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "herd.json").write_bytes((folder / "herd.json").read_bytes())
    (tmp_path / "metadata.csv").write_text((folder / "metadata.csv").read_text() + "half,a,row\n")
    with pytest.raises(DataError, match="line 30"):
        SyntheticHerd(SMALL, tmp_path).table()


def test_an_interrupted_preparation_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "herd"
    with monkeypatch.context() as patch:
        patch.setattr(_herd_files, "_move", stop)
        with pytest.raises(KeyboardInterrupt):
            SyntheticHerd(TINY, target).prepare(target)
    assert not target.exists()
    assert not list(tmp_path.glob(".*partial"))
    assert len(prepared(TINY, target)) == 8


KILLED = """
import sys
from pathlib import Path
from harness_plugins.datasets import _herd_files
from harness_plugins.datasets.synthetic_herd import HerdConfig, SyntheticHerd
import os
def kill(*_): os.kill(os.getpid(), 9)
_herd_files._move = kill
config = HerdConfig.model_validate_json(sys.argv[2])
SyntheticHerd(config, Path(sys.argv[1])).prepare(Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a posix signal")
def test_a_killed_preparation_is_not_ready_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    target = tmp_path / "herd"
    assert (
        subprocess.run([sys.executable, "-c", KILLED, str(target), TINY.model_dump_json()], check=False).returncode
        == -9
    )
    assert not target.exists()
    assert (tmp_path / ".herd.partial").exists()
    assert len(prepared(TINY, target)) == 8
    assert not (tmp_path / ".herd.partial").exists()


def test_two_at_once_draw_one_herd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Path] = []
    draw_into = _herd_files._draw_into

    def counted(settings: HerdConfig, folder: Path) -> None:
        drawn.append(folder)
        draw_into(settings, folder)

    monkeypatch.setattr(_herd_files, "_draw_into", counted)
    target = tmp_path / "herd"
    both = [threading.Thread(target=SyntheticHerd(TINY, target).prepare, args=(target,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(drawn) == 1
    assert len(SyntheticHerd(TINY, target).table()) == 8


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (200, 150, 3)])
def test_png_is_read_back_by_another_reader(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png(picture))) as found:
        found.verify()
    with Image.open(io.BytesIO(png(picture))) as found:
        assert np.array_equal(np.asarray(found), picture)


def test_posing_turns_a_limb_about_its_joint_and_carries_what_hangs_on_it() -> None:
    bones = ANATOMIES["stripes"].bones
    by_name = {bone.name: bone for bone in bones}
    turns = posed(bones, {"fore": np.pi / 2})
    joint, foot = by_name["fore"].a, by_name["fore3"].b
    c, s, dx, dy = turns["fore3"]
    reached = c * foot[0] - s * foot[1] + dx, s * foot[0] + c * foot[1] + dy
    assert reached == pytest.approx((joint[0] - (foot[1] - joint[1]), joint[1] + (foot[0] - joint[0])))
    assert extent(bones, posed(bones, {}))[2] == pytest.approx(0.0, abs=0.03)


def test_a_stroke_outside_the_picture_draws_nothing() -> None:
    cover = np.zeros((10, 10))
    stroke(cover, (5.0, 40.0), 4.0, 1.0, 2.0)
    stroke(cover, (-5.0, 4.0), 4.0, 1.0, 2.0)
    assert not cover.any()
    stroke(cover, (9.0, 5.0), 8.0, 0.0, 2.0)
    assert cover[9, 5] == 1.0
