"""The data set ``wildlife-datasets[name=...]``: any class of the package of that name."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from harness import DataError, DatasetSpec, ImageTable, hookimpl

from . import _metadata
from ._download import dataset_class, fetch

WANTED = ("image_id", "identity", "path", "date", "orientation", "species", "split", "original_split")


class WildlifeDatasetsConfig(_metadata.RowConfig):
    """Which class, where its files are, and which rows count."""

    name: str = Field(description="class of wildlife-datasets, such as ATRW")


class WildlifeDatasets:
    """The catalogue of one class. Boxes and segmentations in it are not read: whole photographs are used.

    A photograph that is listed for several animals is therefore left out, and one that is listed several times for the
    same animal is taken once; both are counted.

    Attributes:
        skipped: after :meth:`table`, how many rows were left out, by reason.
        culprits: the first row of each reason.
    """

    def __init__(self, config: WildlifeDatasetsConfig, folder: Path) -> None:
        self.config = config
        self.root = Path(config.root).expanduser() if config.root else Path(folder)
        self.skipped: Mapping[str, int] = {}
        self.culprits: Mapping[str, str] = {}
        self._class = dataset_class(config.name)
        self._command = f"harness data prepare 'wildlife-datasets[name={config.name}]'"

    def table(self) -> ImageTable:
        """One row a photograph; ``split`` is the class's ``split`` or ``original_split``; group is the day.

        Raises:
            DataError: the files are not there, the class cannot read them, or a row of its catalogue cannot be used.
        """
        found = self._catalogue()
        _one_animal_each(found)
        _metadata.clean(found, self.root, self.config)
        self.skipped, self.culprits = found.skipped, found.culprits
        for row in found.rows:
            row["group"], row["date"] = _metadata.group(row), _metadata.day(row)
            row["split"] = (row.get("split") or row.get("original_split", "")).lower()
        return _metadata.table(self.root, found.rows)

    def prepare(self, folder: Path) -> None:
        """Download into ``folder``; nothing to do where the files are there or ``root`` is given.

        Raises:
            DataError: no login, no network, or a broken archive (tells the steps), or ``root`` does not exist.
        """
        place = self.root if self.config.root else Path(folder)
        if place.is_dir() and any(place.iterdir()):
            return
        if self.config.root:
            raise self._not_there()
        fetch(self._class, place, self._command)

    def _catalogue(self) -> _metadata.Rows:
        if not self.root.is_dir():
            raise self._not_there()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                frame = self._class(str(self.root), check_files=False).df
        except Exception as error:  # each class reads its own files in its own way, with bare exceptions
            raise DataError(
                f"{self.config.name} cannot be read from {self.root} ({type(error).__name__}: {error})",
                f"The folder must hold the files as the package unpacks them. To download them: {self._command}",
            ) from error
        records = frame[[name for name in WANTED if name in frame]].to_dict("records")
        rows = [{name: _text(value) for name, value in record.items()} for record in records]
        species = _only_species(self._class)
        for number, row in enumerate(rows, start=1):
            row |= {
                _metadata.LINE: str(number),
                "dataset": self.config.name,
                "species": row.get("species") or species,
            }
        if not rows:
            raise DataError(f"{self.config.name} lists no photographs in {self.root}", f"Download: {self._command}")
        return _metadata.Rows(rows, f"the catalogue of {self.config.name}", "row")

    def _not_there(self) -> DataError:
        problem = f"the files of {self.config.name} are not in {self.root}"
        return DataError(problem, f"Download them: {self._command}, or give root=FOLDER.")


def _one_animal_each(found: _metadata.Rows) -> None:
    """Without its box a row means the whole photograph, which must then show one animal."""
    first: dict[str, str] = {}
    crowded = {row["path"] for row in found.rows if first.setdefault(row["path"], row["identity"]) != row["identity"]}
    found.leave_out("several_animals", [row for row in found.rows if row["path"] in crowded])
    seen: set[str] = set()
    again = [row for row in found.rows if row["path"] in seen or seen.add(row["path"])]  # type: ignore[func-returns-value]
    found.leave_out("repeated_photographs", again)


def _text(value: Any) -> str:
    """A cell as text: empty for None, NaN and NaT, and a list joined by +."""
    import pandas as pd

    if isinstance(value, (list, tuple, set)):
        return "+".join(map(str, value))
    return "" if pd.isna(value) else str(value).strip()


def _only_species(chosen: Any) -> str:
    """The species of a class that has one, as its summary tells."""
    animals = set(getattr(chosen, "summary", {}).get("animals") or ())
    return str(animals.pop()) if len(animals) == 1 and animals != {"multiple"} else ""


def build(config: WildlifeDatasetsConfig, folder: Path) -> WildlifeDatasets:
    """Make the data set; without ``root`` its files lie, or will lie, in ``folder``.

    Raises:
        DataError: the package has no such class; tells the nearest names.
    """
    return WildlifeDatasets(config, folder)


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """Every class of wildlife-datasets."""
    yield DatasetSpec(
        name="wildlife-datasets",
        version="1",
        config=WildlifeDatasetsConfig,
        build=build,
        requires=("wildlife_datasets='wildlife-datasets<1.0.9'",),
        summary="any class of the package wildlife-datasets, such as [name=ATRW]; its boxes and masks are not read",
        licence="package MIT (up to 1.0.8); photographs: each data set its own",
        citation="Cermak et al., WildlifeDatasets, WACV 2024",
    )
