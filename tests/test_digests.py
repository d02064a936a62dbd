"""Digests of image files: read once, noticed when changed, damage counted and named."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from pictures import textured
from PIL import Image

from harness import digests
from harness.digests import check_images, perceptual_hash, pixel_digest, with_digests
from harness.errors import DataError, StoreError
from harness.progress import Quiet
from harness.table import ImageTable

SPAWN = multiprocessing.get_context("spawn")


class Count(Quiet):
    """Counts the files that were really read."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def start(self, total: int, unit: str) -> None:
        self.total += total

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos [of *] 2024?"
    root.mkdir()
    for number in range(6):
        draw(root / f"{number}.jpg", number)
    return root


def draw(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, quality=90)


def table(root: Path, *names: str) -> ImageTable:
    paths = np.array(names or [f"{number}.jpg" for number in range(6)])
    return ImageTable(root=root, image_id=paths, path=paths, identity=np.full(len(paths), "a"))


def cache(root: Path) -> Path:
    return root.parent / "files.sqlite"


def test_the_digest_is_that_of_the_bytes(photos: Path) -> None:
    made, dropped = with_digests(table(photos), cache(photos), "error", Quiet())
    assert dropped == 0
    for path, digest in zip(made.path, made.digest, strict=True):
        assert digest == hashlib.sha256((photos / path).read_bytes()).hexdigest()
    assert len(set(made.digest)) == 6


def test_pixels_agree_for_one_picture_in_two_files(photos: Path) -> None:
    picture = Image.open(photos / "0.jpg")
    picture.save(photos / "copy.png")
    Image.open(photos / "0.jpg").save(photos / "again.jpg", quality=30)
    made, _ = with_digests(table(photos, "0.jpg", "copy.png", "again.jpg"), cache(photos), "error", Quiet())
    assert len(set(made.digest.tolist())) == 3
    assert made.pixels[0] == made.pixels[1] != made.pixels[2]


def test_pixels_of_another_shape_differ_even_where_the_bytes_are_the_same() -> None:
    flat = np.arange(24 * 32 * 3).reshape(24, 32, 3).astype(np.uint8)
    assert pixel_digest(flat) != pixel_digest(flat.reshape(32, 24, 3))
    turned = np.ascontiguousarray(flat.transpose(1, 0, 2))
    assert pixel_digest(flat.transpose(1, 0, 2)) == pixel_digest(turned)


def dct_hash(image: np.ndarray) -> int:
    """pHash by its definition, with a cosine matrix of our own."""
    small = np.asarray(Image.fromarray(image).convert("L").resize((32, 32), Image.Resampling.LANCZOS), float)
    k, n = np.mgrid[:32, :32]
    basis = np.cos(np.pi * k * (2 * n + 1) / 64)
    low = (basis @ small @ basis.T)[:8, :8]
    return int("".join("1" if bit else "0" for bit in (low > np.median(low)).ravel()), 2)


def test_the_perceptual_hash_is_the_signs_of_low_frequencies(photos: Path) -> None:
    for number in range(6):
        image = np.asarray(Image.open(photos / f"{number}.jpg"))
        text = perceptual_hash(image)
        assert len(text) == 16
        assert bin(int(text, 16) ^ dct_hash(image)).count("1") <= 1  # the one at the median may round either way


def test_the_perceptual_hash_survives_scaling_and_saving(photos: Path) -> None:
    image = textured(96, 128)
    Image.fromarray(image).resize((64, 48)).save(photos / "small.jpg", quality=60)
    Image.fromarray(image).save(photos / "large.png")
    made, _ = with_digests(table(photos, "small.jpg", "large.png", "0.jpg"), cache(photos), "error", Quiet())
    small, large, other = (int(text, 16) for text in made.phash)
    assert (small ^ large).bit_count() <= 4 < (small ^ other).bit_count()


def test_all_three_hashes_come_from_the_cache(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, _ = with_digests(table(photos), cache(photos), "error", Quiet())
    monkeypatch.setattr(digests, "read_image", None)
    after, _ = with_digests(table(photos), cache(photos), "error", Quiet())
    for name in ("digest", "pixels", "phash"):
        assert getattr(before, name).tolist() == getattr(after, name).tolist()
        assert all(getattr(after, name))


def test_a_cache_of_an_older_version_is_filled_anew(photos: Path) -> None:
    stat = (photos / "0.jpg").stat()
    with closing(sqlite3.connect(cache(photos))) as db, db:
        db.execute("CREATE TABLE file (path TEXT PRIMARY KEY, stamp TEXT, digest TEXT)")
        row = (f"{photos.resolve()}/0.jpg", f"{stat.st_size}:{stat.st_mtime_ns}", "of old")
        db.execute("INSERT INTO file VALUES (?, ?, ?)", row)
    made, _ = with_digests(table(photos), cache(photos), "error", Quiet())
    assert made.digest[0] == hashlib.sha256((photos / "0.jpg").read_bytes()).hexdigest()
    assert all(made.phash)


def test_unchanged_files_are_not_read_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, more = Count(), Count(), Count()
    before, _ = with_digests(table(photos), cache(photos), "error", first)
    assert (first.total, first.done) == (6, 6)
    draw(photos / "new.jpg", 99)
    with_digests(table(photos, "3.jpg", "new.jpg"), cache(photos), "error", more)
    assert (more.total, more.done) == (1, 1)
    monkeypatch.setattr(digests, "read_image", None)  # whoever reads now, fails
    after, _ = with_digests(table(photos), cache(photos), "error", second)
    assert (second.total, second.done) == (0, 0)
    np.testing.assert_array_equal(before.digest, after.digest)


@pytest.mark.parametrize("change", ["size", "time", "path of the root"])
def test_a_changed_file_is_noticed(photos: Path, change: str) -> None:
    before, _ = with_digests(table(photos), cache(photos), "error", Quiet())
    stat, count = (photos / "2.jpg").stat(), Count()
    if change == "path of the root":
        photos = photos.rename(photos.with_name("moved"))
    else:
        draw(photos / "2.jpg", 77)
    if change == "size":
        with (photos / "2.jpg").open("ab") as file:
            file.write(b"\0" * 7)
        os.utime(photos / "2.jpg", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after, _ = with_digests(table(photos), cache(photos), "error", count)
    same = before.digest == after.digest
    assert same.tolist() == [True, True, change == "path of the root", True, True, True]
    assert count.done == (6 if change == "path of the root" else 1)


def test_a_file_that_is_in_two_rows_is_read_once(photos: Path) -> None:
    count = Count()
    checked = check_images(photos, ["1.jpg", "0.jpg", "1.jpg"], cache(photos), count)
    assert count.done == 2
    assert checked[0] == checked[2] != checked[1]


def spoil(photos: Path) -> None:
    content = (photos / "1.jpg").read_bytes()
    (photos / "1.jpg").write_bytes(content[: len(content) // 2])
    (photos / "3.jpg").unlink()
    (photos / "4.jpg").write_text("no picture")


def test_damage_is_counted_and_named(photos: Path) -> None:
    spoil(photos)
    for _ in range(2):  # the second time, the rest comes from the cache
        with pytest.raises(DataError, match="3 of 6 images cannot be used") as caught:
            with_digests(table(photos), cache(photos), "error", Quiet())
        for name in ("1.jpg", "3.jpg", "4.jpg"):
            assert name in caught.value.problem
        assert "protocol.damaged=skip" in caught.value.advice
        assert str(photos) not in caught.value.problem


def test_many_damaged_files_are_not_all_named(photos: Path) -> None:
    for number in range(5):
        (photos / f"{number}.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"5 of 6 .* \.\.\."):
        with_digests(table(photos), cache(photos), "error", Quiet())


def test_damage_may_be_left_out_and_counted(photos: Path) -> None:
    spoil(photos)
    made, dropped = with_digests(table(photos), cache(photos), "skip", Quiet())
    assert dropped == 3
    assert made.path.tolist() == ["0.jpg", "2.jpg", "5.jpg"]
    assert all(made.digest)


def test_leaving_out_everything_gives_an_empty_table(photos: Path) -> None:
    for number in range(6):
        (photos / f"{number}.jpg").unlink()
    made, dropped = with_digests(table(photos), cache(photos), "skip", Quiet())
    assert (len(made), dropped) == (0, 6)


def test_a_mended_file_is_good_again(photos: Path) -> None:
    """Even with its old size and time: damage may lie in permissions, or in a disk that was away for a moment."""
    content, stat = (photos / "1.jpg").read_bytes(), (photos / "1.jpg").stat()
    (photos / "1.jpg").write_bytes(b"\0" * len(content))
    os.utime(photos / "1.jpg", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert with_digests(table(photos), cache(photos), "skip", Quiet())[1] == 1
    (photos / "1.jpg").write_bytes(content)
    os.utime(photos / "1.jpg", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert with_digests(table(photos), cache(photos), "skip", Quiet())[1] == 0


def test_what_was_read_before_a_kill_is_not_read_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Quiet):
        def advance(self, n: int = 1, note: str = "") -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(digests, "CHUNK", 4)
    with pytest.raises(KeyboardInterrupt):
        with_digests(table(photos), cache(photos), "error", Killed())
    count = Count()
    with_digests(table(photos), cache(photos), "error", count)
    assert count.done == 2


def test_a_cache_that_cannot_be_used_is_explained(photos: Path) -> None:
    cache(photos).write_text("no database " * 100)
    with pytest.raises(StoreError, match="remove this file") as caught:
        with_digests(table(photos), cache(photos), "error", Quiet())
    assert "files.sqlite" in caught.value.problem


def digest_all(root: Path, answers: object) -> None:
    digests.CHUNK = 1  # as many notes as files, so that the two meet
    made, _ = with_digests(table(root), cache(root), "error", Quiet())
    answers.put(made.digest.tolist())  # type: ignore[attr-defined]


def test_two_processes_may_digest_at_once(photos: Path) -> None:
    answers = SPAWN.Queue()
    both = [SPAWN.Process(target=digest_all, args=(photos, answers)) for _ in range(2)]
    for process in both:
        process.start()
    first, second = (answers.get(timeout=60) for _ in both)
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert first == second
