"""The data set ``wildlife-datasets[name=...]``: any class of the package of that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness import Config, DataError, DatasetSpec, ImageTable, hookimpl, location

from . import _metadata
from ._download import dataset_class, fetch


class WildlifeDatasetsConfig(Config):
    """Which class, and where its files are."""

    name: str = Field(description="class of wildlife-datasets, such as ATRW")
    root: str = location("", "folder of the files; empty: where `harness data prepare` put them")
    drop_unknown: bool = Field(True, description="leave out identities such as 'unknown', counted")
    no_identity: Literal["error", "skip"] = Field("error", description="rows without identity")
    missing: Literal["error", "skip"] = Field("error", description="rows whose image file is missing")


class WildlifeDatasets:
    """Rows of a class's catalogue. Boxes and segmentations that it lists are not applied: whole photographs are used."""

    def __init__(self, config: WildlifeDatasetsConfig, folder: Path) -> None:
        self.config = config
        self.root = Path(config.root).expanduser() if config.root else folder
        self.skipped: Mapping[str, int] = {}

    def table(self) -> ImageTable:
        """One row a photograph.

        Raises:
            DataError: no such class, files that are not there, or a catalogue that cannot be read.
        """
        chosen = dataset_class(self.config.name)
        if not self.root.is_dir():
            command = f"harness data prepare 'wildlife-datasets[name={self.config.name}]'"
            raise DataError(
                f"the files of {self.config.name} are not there", f"Download them: {command}, or give root=FOLDER."
            )
        try:
            frame = chosen(str(self.root)).df
        except Exception as error:  # each class reads its own files in its own way
            raise DataError(
                f"{self.config.name} cannot be read from {self.root}: {error}", "Is it the right folder?"
            ) from error
        found = _metadata.Rows([{k: _text(v) for k, v in row.items()} for row in frame.to_dict("records")])
        for number, row in enumerate(found.rows):
            row.setdefault("dataset", self.config.name)
            row["__line__"] = f"row {number}"
            row["group"] = _metadata.group(row)
        _metadata.drop_unnamed(found, self.config.name, self.config.no_identity, self.config.drop_unknown)
        _metadata.drop_missing(found, self.root, self.config.name, self.config.missing)
        self.skipped = found.skipped
        names = ("image_id", "path", "identity", "species", "dataset", "orientation", "split", "group")
        return _metadata.table(self.root, found.rows, {name: name for name in names})

    def prepare(self, folder: Path) -> None:
        """Download into ``folder``; nothing to do where the files are there or ``root`` is given."""
        if not self.root.is_dir():
            fetch(self.config.name, self.root)


def _text(value: object) -> str:
    """A cell as text; pandas' NaN and NaT are the only values that differ from themselves."""
    return "" if value is None or value != value else str(value)  # noqa: PLR0124


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """Every class of wildlife-datasets."""
    yield DatasetSpec(
        name="wildlife-datasets",
        version="1",
        config=WildlifeDatasetsConfig,
        build=WildlifeDatasets,
        requires=("wildlife_datasets=wildlife-datasets<1.0.9", "pandas"),
        summary="any data set class of the package wildlife-datasets: wildlife-datasets[name=ATRW]",
        licence="package MIT (up to 1.0.8); photographs: each data set its own",
        citation="Cermak et al., WildlifeDatasets, WACV 2024",
    )
