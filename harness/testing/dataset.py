"""The contract of data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from harness.choice import Choice
from harness.contracts import Dataset
from harness.digests import with_digests
from harness.errors import DataError
from harness.images import read_image, read_mask
from harness.protocol import fingerprint
from harness.refs import Ref, parse
from harness.specs import DatasetSpec
from harness.table import TEXT_COLUMNS, ImageTable
from harness.testing import given
from harness.testing.contract import Contract

SOME = 24
"""Images that are decoded."""


class Quiet:
    """Progress that tells nothing."""

    def start(self, total: int, unit: str) -> None:
        """Nothing."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Nothing."""


class DatasetContract(Contract):
    """Tests of a data set. May be overridden: :meth:`sample`, which a data set that draws no files itself needs.

    Files are changed in one test, and only below the folder that the kit made.
    """

    kind = "dataset"
    folder: ClassVar[Path]
    """Where the kit keeps the files of this class."""

    def sample(self, folder: Path) -> Mapping[str, Any]:
        """Lay a few photographs below ``folder`` and give the settings that say where, such as ``root``."""
        return {}

    @pytest.fixture(autouse=True)
    def _below(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        if "folder" not in vars(type(self)):
            type(self).folder = tmp_path_factory.mktemp("data")

    def _choice_in(self, folder: Path) -> Choice:
        """The plugin with the settings of the sample, which is laid once for each folder."""
        laid: dict[Path, Mapping[str, Any]] = self._kept("_laid")
        if folder not in laid:
            folder.mkdir()
            laid[folder] = self.sample(folder)
        ref = parse(self.plugin)
        return self._registry().resolve(self.kind, Ref(ref.name, {**ref.settings, **laid[folder]}))

    def _kept(self, name: str) -> Any:
        """A mapping that all tests of the class share."""
        if name not in vars(type(self)):
            setattr(type(self), name, {})
        return getattr(type(self), name)

    def _built(self, name: str = "one") -> Dataset:
        """The data set, built anew, with its files in a folder of that name, which is prepared once."""
        folder, ready = self.folder / name, self._kept("_ready")
        choice = self._choice_in(folder)
        assert isinstance(choice.spec, DatasetSpec)
        if reason := choice.unavailable():
            pytest.skip(f"not available here: {reason}")
        try:
            dataset: Dataset = self._able(choice.build(folder / "files"))
            if choice.spec.generated and not ready.get(name):
                dataset.prepare(folder / "files")
                ready[name] = True
            table = dataset.table()
            assert isinstance(table, ImageTable), f"table() must give a harness.ImageTable, it gives {given.a(table)}"
        except DataError as error:
            if choice.spec.generated or type(self).sample is not DatasetContract.sample:
                raise
            problem = error.problem.replace(f"{folder}/", "")
            pytest.skip(f"its files are not there ({problem}): override sample() to lay a few")
        return dataset

    def made(self) -> Any:
        """The data set with its files."""
        return self._built()

    def test_it_prints_nothing(self) -> None:
        told = given.printed(lambda: self._built("three").table())
        assert not told, f"it writes {told[:60]!r} to stdout, which breaks --json: use logging, or remove the print"

    def _fingerprint(self, dataset: Dataset) -> str:
        table, _ = with_digests(_some(dataset.table()), self.folder / "files.sqlite", "error", Quiet())
        return fingerprint(table)

    def test_the_table_has_rows_of_files_that_are_there(self) -> None:
        table = self._built().table()
        assert len(table), "the table has no rows"
        for path in table.path.tolist():
            assert (table.root / path).is_file(), f"there is no file {path}"
        for path in _some(table).path.tolist():
            assert read_image(table.root / path).size, f"{path} is an empty image"

    def test_every_file_lies_inside_the_root(self) -> None:
        table = self._built().table()
        root = table.root.resolve()
        for path in {*table.path.tolist(), *table.mask.tolist()} - {""}:
            assert (table.root / path).resolve().is_relative_to(root), f"{path} leads out of the data set's folder"

    def test_roles_are_left_to_the_protocol(self) -> None:
        assert set(self._built().table().role.tolist()) == {""}, "the table has roles: those are the protocol's to give"

    def test_masks_have_the_size_of_their_photographs(self) -> None:
        table = self._built().table()
        table = _some(table.select(table.mask != ""))
        if not len(table):
            pytest.skip("no masks")
        for row in range(len(table)):
            shapes = [
                read(table.root / path).shape[:2]
                for read, path in ((read_image, str(table.path[row])), (read_mask, str(table.mask[row])))
            ]
            assert shapes[0] == shapes[1], f"{table.mask[row]} is {shapes[1]}, its photograph {shapes[0]}"

    def test_the_rows_are_the_same_each_time(self) -> None:
        dataset = self._built()
        one, two, three = dataset.table(), dataset.table(), self._built().table()
        for name in TEXT_COLUMNS:
            columns = [getattr(table, name).tolist() for table in (one, two, three)]
            assert columns[0] == columns[1] == columns[2], f"column {name!r} is another each time it is read"

    def test_a_copy_elsewhere_has_the_same_fingerprint(self) -> None:
        here, there = (self._fingerprint(self._built(name)) for name in ("one", "two"))
        assert here == there, "the same files in another folder are other data: is a path in a row, or a draw unseeded?"

    def test_the_fingerprint_changes_with_a_byte(self) -> None:
        dataset = self._built()
        table = dataset.table()
        before, path = self._fingerprint(dataset), table.root / str(table.path[-1])
        if not path.resolve().is_relative_to(self.folder.resolve()):
            pytest.skip("its files are not the kit's to change: override sample() to lay a few")
        content = path.read_bytes()
        try:
            path.write_bytes(content + b"\0")
            assert self._fingerprint(dataset) != before, "a byte of an image has changed, and the fingerprint has not"
        finally:
            path.write_bytes(content)

    def test_preparing_again_changes_nothing(self) -> None:
        dataset, folder = self._built(), self.folder / "one"
        before = dict(_files(folder))
        dataset.prepare(folder / "files")
        assert dict(_files(folder)) == before, "prepare() changes files that are already there"

    def test_two_builds_give_equal_bytes(self) -> None:
        self._built("one"), self._built("two")
        one, two = ({name: held[0] for name, held in _files(self.folder / n)} for n in ("one", "two"))
        assert one == two, "two builds prepare different files: draw from a seed of your own"


def _some(table: ImageTable) -> ImageTable:
    """Some rows from first to last, so that a large set takes no longer than a small one."""
    return table.select(np.unique(np.linspace(0, len(table) - 1, min(SOME, len(table))).astype(np.int64)))


def _files(folder: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """(relative path, (digest, time of the last change)) of every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            yield path.relative_to(folder).as_posix(), (digest, path.stat().st_mtime_ns)
