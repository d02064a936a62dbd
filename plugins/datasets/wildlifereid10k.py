"""The data set ``wildlifereid10k``: its official layout and its official split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness import Config, DataError, DatasetSpec, ImageTable, hookimpl, location

from . import _metadata
from ._download import fetch


class WildlifeReID10kConfig(Config):
    """Where the files are, and which rows count."""

    root: str = location("", "folder with metadata.csv and images/; empty: where `harness data prepare` put it")
    datasets: str = Field("", description="names joined by +, such as NyalaData+ATRW; empty: all")
    drop_unknown: bool = Field(True, description="leave out identities such as 'unknown', counted")
    no_identity: Literal["error", "skip"] = Field("error", description="rows without identity")
    missing: Literal["error", "skip"] = Field("error", description="rows whose image file is missing")


class WildlifeReID10k:
    """Rows of ``metadata.csv``. ``skipped`` counts rows left out, by reason, after :meth:`table`."""

    def __init__(self, config: WildlifeReID10kConfig, folder: Path) -> None:
        self.config = config
        self.root = Path(config.root).expanduser() if config.root else folder
        self.skipped: Mapping[str, int] = {}

    def table(self) -> ImageTable:
        """One row a photograph, with the shipped ``split``; group is the day, or the cluster where there is no date.

        Raises:
            DataError: names the line of the metadata, or the missing files.
        """
        path = self.root / "metadata.csv"
        found = _metadata.read(path)
        self._keep_datasets(found)
        _metadata.drop_unnamed(found, path.name, self.config.no_identity, self.config.drop_unknown)
        _metadata.drop_missing(found, self.root, path.name, self.config.missing)
        self.skipped = found.skipped
        for row in found.rows:
            row["image_id"] = row.get("image_id") or row["path"]
            row["group"] = _metadata.group(row)
        names = ("image_id", "path", "identity", "species", "dataset", "orientation", "split", "mask", "group")
        return _metadata.table(self.root, found.rows, {name: name for name in names})

    def prepare(self, folder: Path) -> None:
        """Download from Kaggle into ``folder``; nothing to do where the files are there or ``root`` is given."""
        if not (self.root / "metadata.csv").is_file():
            fetch("WildlifeReID10k", self.root, "https://www.kaggle.com/datasets/wildlifedatasets/wildlifereid-10k")

    def _keep_datasets(self, found: _metadata.Rows) -> None:
        wanted = [name for name in self.config.datasets.split("+") if name]
        there = {row.get("dataset", "") for row in found.rows}
        unknown = [name for name in wanted if name not in there]
        if unknown:
            raise DataError(
                f"datasets={'+'.join(unknown)}: not in the metadata", f"There are: {', '.join(sorted(there))}."
            )
        if wanted:
            found.rows = [row for row in found.rows if row.get("dataset", "") in wanted]


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """WildlifeReID-10k, or any folder laid out like it."""
    yield DatasetSpec(
        name="wildlifereid10k",
        version="1",
        config=WildlifeReID10kConfig,
        build=WildlifeReID10k,
        summary="140,488 photographs of 10,772 individuals, or any metadata.csv laid out like it; official split",
        licence="code Apache-2.0; photographs: each source its own, see the data set's page",
        citation="Adam et al., WildlifeReID-10k, CVPR Workshops 2025",
    )
