"""The data set ``folder``: what an ecologist has on disk, ``<root>/<individual>/*.jpg``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from pydantic import Field, field_validator

from harness import Config, DataError, DatasetSpec, ImageTable, hookimpl, location

from . import _metadata
from ._links import Below

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
LAYOUT = "Put each individual's photographs into a sub-folder of its own: <root>/<individual>/*.jpg"


class FolderConfig(Config):
    """Where the photographs are."""

    root: str = location("", "folder with one sub-folder for each individual")
    species: str = Field("", description="species of all individuals")
    masks: str = Field("", description="folder below root with a mask <individual>/<same name> for each photograph")

    @field_validator("masks")
    @classmethod
    def _below(cls, value: str) -> str:
        pure = PurePosixPath(value)
        if pure.is_absolute() or ".." in pure.parts or (value and not pure.parts):
            raise ValueError("masks must be a folder below root, written relative to it")
        return pure.as_posix() if value else ""


class Folder:
    """A sub-folder of the root is an individual, named by it as it stands; a folder below that is an encounter.

    Hidden files and folders are passed over. A link may point to a file within the root; a linked folder is not
    entered, or its photographs would be there twice.

    Attributes:
        skipped: after :meth:`table`, how many files (or linked folders) were left out, by reason.
        culprits: the first one of each reason.
        noted: what was kept and is worth knowing: individuals with one photograph, folders without any, missing masks.
    """

    def __init__(self, config: FolderConfig) -> None:
        if not config.root:
            raise DataError("the data set folder has no root", "Say where the photographs are: folder[root=PATH].")
        self.config = config
        self.root = Path(config.root).expanduser()
        self.skipped: Mapping[str, int] = {}
        self.culprits: Mapping[str, str] = {}
        self.noted: Mapping[str, int] = {}

    def table(self) -> ImageTable:
        """One row an image file, in alphabetical order; its relative path is its ``image_id``.

        Raises:
            DataError: no root, no ``<individual>/<image>`` in it, a link that leaves it, or a name that is no UTF-8.
        """
        walk = _Walk(self.root, leave_alone=self.config.masks)
        top = self._entries()
        paths = [path for name in top for path in walk.images(name)]
        self.skipped, self.culprits = dict(walk.skipped), walk.culprits
        if not paths:
            strays = self.skipped.get("outside_individuals", 0)
            raise DataError(
                f"{self.root} holds no photographs of individuals ({strays} lie in the root itself)", LAYOUT
            )
        masks = self._masks(paths)
        self._note(top, paths, masks)
        return _metadata.table(self.root, [self._row(path, mask) for path, mask in zip(paths, masks, strict=True)])

    def _row(self, path: str, mask: str) -> _metadata.Row:
        return {
            "image_id": path,
            "path": path,
            "identity": path.split("/", 1)[0],
            "species": self.config.species,
            "dataset": "folder",  # not the root's own name: a copy elsewhere is the same data
            "group": path.rpartition("/")[0] if path.count("/") > 1 else "",
            "mask": mask,
        }

    def prepare(self, folder: Path) -> None:
        """Nothing: the photographs are the user's own."""

    def _entries(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.root) if not name.startswith("."))  # noqa: PTH208
        except OSError as error:
            raise DataError(f"folder {self.root} cannot be read ({error.strerror})", "Correct root=PATH.") from error

    def _masks(self, paths: list[str]) -> list[str]:
        if not self.config.masks:
            return [""] * len(paths)
        if not (self.root / self.config.masks).is_dir():
            raise DataError(f"there is no folder {self.root / self.config.masks}", "Correct or remove masks=.")
        start = len(self.config.masks) + 1
        there = {_stem(mask[start:]): mask for mask in _Walk(self.root).images(self.config.masks)}
        return [there.get(_stem(path), "") for path in paths]

    def _note(self, top: list[str], paths: list[str], masks: list[str]) -> None:
        count = Counter(path.split("/", 1)[0] for path in paths)
        folders = [name for name in top if (self.root / name).is_dir() and not (self.root / name).is_symlink()]
        bare = set(folders) - set(count) - {self.config.masks.split("/", 1)[0]}
        noted = {
            "individuals_with_one_image": sum(n == 1 for n in count.values()),
            "folders_without_images": len(bare),
            "images_without_mask": masks.count("") if self.config.masks else 0,
        }
        self.noted = {reason: n for reason, n in noted.items() if n}


class _Walk:
    """Finds image files below a root, and counts what it passes over."""

    def __init__(self, root: Path, leave_alone: str = "") -> None:
        self.root = root
        self.leave_alone = leave_alone
        self.below = Below(root)
        self.skipped: Counter[str] = Counter()
        self.culprits: dict[str, str] = {}

    def images(self, name: str) -> Iterator[str]:
        """Relative paths of the images at or below ``name``, in alphabetical order."""
        if name == self.leave_alone:
            return
        path = self.root / name
        _check_name(path)
        if path.is_symlink():
            self.below.check_link(path, str(path))
        if path.is_dir():
            if path.is_symlink():
                self._leave_out("linked_folders", path)
                return
            for inner in sorted(os.listdir(path)):  # noqa: PTH208 (names are enough)
                if not inner.startswith("."):
                    yield from self.images(f"{name}/{inner}")
        elif path.suffix.lower() not in SUFFIXES:
            self._leave_out("other_files", path)
        elif "/" not in name:
            self._leave_out("outside_individuals", path)
        else:
            yield name

    def _leave_out(self, reason: str, path: Path) -> None:
        self.skipped[reason] += 1
        self.culprits.setdefault(reason, str(path))


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the name of {str(path)!r} is no valid UTF-8", "Rename it.") from error


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def build(config: FolderConfig, folder: Path) -> Folder:
    """Make the data set; ``folder`` is not used, since the photographs lie in ``root``."""
    return Folder(config)


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """Folders of photographs."""
    yield DatasetSpec(
        name="folder",
        version="1",
        config=FolderConfig,
        build=build,
        summary="your own photographs: <root>/<individual>/*.jpg, deeper folders are encounters",
        licence="code Apache-2.0; photographs: your own",
    )
