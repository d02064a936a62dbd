"""Which files lie below a root, and that no link leads out of it."""

from __future__ import annotations

import os
from pathlib import Path

from harness import DataError


class Below:
    """The files below a root folder. Each folder is listed once, so that a large data set costs few calls.

    The root itself may be a link. A link below it may point to any place within the root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()
        self._plain: dict[str, frozenset[str]] = {}

    def holds(self, path: str, who: str) -> bool:
        """Whether ``path``, relative to the root, is a file.

        Raises:
            DataError: a link leads out of the root; ``who`` names the row.
        """
        folder, _, name = path.rpartition("/")
        if folder not in self._plain:
            self._plain[folder] = self._list(self.root / folder)
        return name in self._plain[folder] or self._is_file(path, who)

    def check_link(self, path: Path, who: str) -> None:
        """Refuse a link that leads out of the root.

        Raises:
            DataError: it does; ``who`` names it.
        """
        if not path.resolve().is_relative_to(self._real):
            raise DataError(
                f"{who} is a link that leaves the root {self.root}", "Copy the files there, or remove the link."
            )

    def _list(self, folder: Path) -> frozenset[str]:
        """Names of the plain files in a folder; none where it is missing, or lies elsewhere by a link."""
        try:
            if not folder.resolve().is_relative_to(self._real):
                return frozenset()
            with os.scandir(folder) as entries:
                return frozenset(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
        except (OSError, RuntimeError, ValueError):
            return frozenset()

    def _is_file(self, path: str, who: str) -> bool:
        """The slow way, for what no listing shows: links, and names that the file system spells another way."""
        try:
            target = (self.root / path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # missing; a circle of links; a NUL in the name
            return False
        self.check_link(target, who)
        return target.is_file()
