"""The data set ``folder``: what an ecologist has on disk, ``<root>/<individual>/*.jpg``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field

from harness import Config, DataError, DatasetSpec, ImageTable, hookimpl, location

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


class FolderConfig(Config):
    """Where the photographs are."""

    root: str = location("", "folder with one sub-folder an individual")
    species: str = Field("", description="species of all individuals")
    masks: str = Field("", description="sub-folder of root with masks at the same paths, ending in .png")


class Folder:
    """A sub-folder is an individual; a folder below it is an encounter. ``skipped`` counts stray images in the root."""

    def __init__(self, config: FolderConfig, folder: Path) -> None:
        self.config = config
        self.skipped: Mapping[str, int] = {}
        if not config.root:
            raise DataError("folder has no root", "Say where the photographs are: folder[root=PATH].")
        self.root = Path(config.root).expanduser()

    def table(self) -> ImageTable:
        """One row an image file, in alphabetical order. Hidden files and folders are passed over.

        Raises:
            DataError: the root is missing, or holds no ``<individual>/<image>``.
        """
        if not self.root.is_dir():
            raise DataError(f"folder {self.root} does not exist", "Give root=PATH of an existing folder.")
        rows = list(self._images())
        strays = sum(1 for path in self.root.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        self.skipped = {"not_below_an_individual": strays} if strays else {}
        if not rows:
            raise DataError(
                f"{self.root} holds no photographs of individuals ({strays} lie in the root itself)",
                "Put each individual's photographs in a sub-folder of its own: <root>/<individual>/*.jpg",
            )
        paths = [path.as_posix() for path in rows]
        masks = [self._mask(path) for path in rows]
        groups = ["/".join(path.parts[:-1]) if len(path.parts) > 2 else "" for path in rows]
        n = len(rows)
        return ImageTable(
            root=self.root,
            image_id=paths,
            path=paths,
            identity=[path.parts[0] for path in rows],
            species=[self.config.species] * n,
            dataset=[self.root.resolve().name] * n,
            group=groups,
            mask=masks,
        )

    def prepare(self, folder: Path) -> None:
        """Nothing: the photographs are the user's own."""

    def _images(self) -> Iterator[Path]:
        for place, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not self._passed_over(Path(place), name))
            relative = Path(place).relative_to(self.root)
            for name in sorted(files) if relative.parts else ():
                if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                    self._check_inside(Path(place) / name)
                    yield relative / name

    def _passed_over(self, place: Path, name: str) -> bool:
        masks = bool(self.config.masks) and (place / name) == self.root / self.config.masks
        return name.startswith(".") or masks

    def _check_inside(self, path: Path) -> None:
        if path.is_symlink() and not path.resolve().is_relative_to(self.root.resolve()):
            raise DataError(f"{path} is a link that leaves the root", "Copy the file there.")

    def _mask(self, path: Path) -> str:
        if not self.config.masks:
            return ""
        mask = (Path(self.config.masks) / path).with_suffix(".png")
        return mask.as_posix() if (self.root / mask).is_file() else ""


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """Folders of photographs."""
    yield DatasetSpec(
        name="folder",
        version="1",
        config=FolderConfig,
        build=Folder,
        summary="your own photographs: <root>/<individual>/*.jpg, deeper folders are encounters",
        licence="Apache-2.0",
    )
