"""The data set ``wildlifereid10k``: its official layout and its official split."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from harness import DataError, DatasetSpec, ImageTable, hookimpl

from . import _metadata
from ._download import dataset_class, fetch

FILE = "metadata.csv"
PREPARE = "harness data prepare wildlifereid10k"


class WildlifeReID10kConfig(_metadata.RowConfig):
    """Where the files are, and which rows count."""

    datasets: str = Field("", description="names joined by +, such as ATRW+NyalaData; empty: all")

    @field_validator("datasets", mode="before")
    @classmethod
    def _sorted(cls, value: Any) -> Any:
        """A list is as good as text, and the order of names decides nothing."""
        names = value.split("+") if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            return value  # pydantic says what is wrong with it
        return "+".join(sorted({name.strip() for name in names} - {""}))


class WildlifeReID10k:
    """Rows of a ``metadata.csv`` beside its ``images/``.

    Attributes:
        skipped: after :meth:`table`, how many rows were left out, by reason.
        culprits: the first row of each reason.
    """

    def __init__(self, config: WildlifeReID10kConfig, folder: Path) -> None:
        self.config = config
        self.root = Path(config.root).expanduser() if config.root else Path(folder)
        self.skipped: Mapping[str, int] = {}
        self.culprits: Mapping[str, str] = {}

    def table(self) -> ImageTable:
        """One row a photograph, with the shipped ``split``; group is the day, or the cluster where there is no date.

        A file without ``image_id`` (the published one) gets ids from its paths, so that no other row changes them.

        Raises:
            DataError: no metadata where it is looked for, a row that cannot be used (names its line), missing files.
        """
        found = _metadata.read(self.root / FILE, self._where_to_look())
        self._keep_datasets(found)
        _metadata.clean(found, self.root, self.config)
        self.skipped, self.culprits = found.skipped, found.culprits
        for row in found.rows:
            row["image_id"] = row.get("image_id") or hashlib.sha256(row["path"].encode()).hexdigest()[:16]
            row["group"], row["date"] = _metadata.group(row), _metadata.day(row)
            row["split"] = row.get("split", "").lower()
        return _metadata.table(self.root, found.rows)

    def prepare(self, folder: Path) -> None:
        """Download from Kaggle (25 GB) into ``folder``; nothing to do where the files are there or ``root`` is given.

        Raises:
            DataError: no login, no network, terms not accepted (tells the steps), or ``root`` holds no metadata.
        """
        place = self.root if self.config.root else Path(folder)
        if (place / FILE).is_file():
            return
        if self.config.root:
            raise DataError(f"{place / FILE} does not exist", self._where_to_look())
        fetch(dataset_class("WildlifeReID10k"), place, PREPARE)

    def _where_to_look(self) -> str:
        return (
            f"A folder with {FILE} and images/ is wanted. Name it: wildlifereid10k[root=FOLDER], "
            f"or download the data set (25 GB, Kaggle login): {PREPARE}"
        )

    def _keep_datasets(self, found: _metadata.Rows) -> None:
        wanted = self.config.datasets.split("+") if self.config.datasets else []
        there = sorted({row.get("dataset", "") for row in found.rows} - {""})
        for name in wanted:
            if name not in there:
                near = difflib.get_close_matches(name, there, n=3, cutoff=0.5)
                advice = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(there) or 'none'}."
                raise DataError(f"datasets: {found.where} has no data set {name!r}", advice)
        if wanted:
            found.rows = [row for row in found.rows if row.get("dataset") in wanted]


def build(config: WildlifeReID10kConfig, folder: Path) -> WildlifeReID10k:
    """Make the data set; without ``root`` its files lie, or will lie, in ``folder``."""
    return WildlifeReID10k(config, folder)


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """WildlifeReID-10k, or any folder laid out like it."""
    yield DatasetSpec(
        name="wildlifereid10k",
        version="1",
        config=WildlifeReID10kConfig,
        build=build,
        summary="140,488 photographs of 10,772 individuals, or any metadata.csv laid out like it; official split",
        licence="code Apache-2.0; photographs: each source its own, see the data set's page",
        citation="Adam et al., WildlifeReID-10k, CVPR Workshops 2025, arXiv:2406.09211",
    )
