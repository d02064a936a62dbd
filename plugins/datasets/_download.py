"""Downloading through wildlife-datasets: whole or not at all, and the exact steps where a login is missing."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import DataError
from harness.weights import offline

HELP = "https://wildlifedatasets.github.io/wildlife-datasets/downloads"
KAGGLE_STEPS = """Kaggle hands this data set out to users who are logged in:
  1. Make a token at https://www.kaggle.com/settings (section API).
  2. Save it as ~/.kaggle/access_token, or: export KAGGLE_API_TOKEN=...
     (an older key works too: ~/.kaggle/kaggle.json, or KAGGLE_USERNAME with KAGGLE_KEY)
  3. Log in and accept the terms on {page}
  4. Type: {command}
  Or download it there by hand, unpack it, and give root=FOLDER."""
OTHER_STEPS = """Check the network and the free space, then type: {command}
  Or follow {page}, and give root=FOLDER."""


def dataset_class(name: str) -> Any:
    """A data set class of wildlife-datasets, by name.

    Raises:
        DataError: there is none of that name (tells the nearest ones), or it keeps no image files in a folder.
    """
    from wildlife_datasets import datasets
    from wildlife_datasets.datasets import DatasetFactory, WildlifeDataset

    bases = (WildlifeDataset, DatasetFactory)
    classes: dict[str, Any] = {
        key: value
        for key, value in vars(datasets).items()
        if isinstance(value, type) and issubclass(value, WildlifeDataset) and value not in bases
    }
    if name not in classes:
        raise DataError(f"wildlife-datasets has no data set {name!r}", _nearest(name, sorted(classes)))
    if classes[name].saved_to_system_folder:
        raise DataError(
            f"wildlife-datasets keeps {name} in the cache of another library, not as image files",
            "Save its images as files, and use the data set folder[root=PATH].",
        )
    return classes[name]


def fetch(chosen: Any, folder: Path, command: str) -> None:
    """Download and unpack a data set class beside ``folder``, then rename it into place: half is never seen.

    Raises:
        DataError: no login, no network, terms not accepted, or a broken archive; says what to do,
            ending in ``command``.
    """
    name = chosen.__name__
    if offline():
        raise DataError(
            f"{name} cannot be downloaded: HARNESS_OFFLINE forbids the network", f"Unset it, then: {command}"
        )
    if hasattr(chosen, "kaggle_url") and not has_kaggle_login():
        raise DataError(f"{name} cannot be downloaded: no Kaggle login was found", _steps(chosen, command))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is in the way: it holds something else", "Move it away, then type: " + command)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with _scripts_on_path(), contextlib.redirect_stdout(sys.stderr):
            chosen.get_data(str(temporary.resolve() / name))
        if not (temporary / name).is_dir() or not any((temporary / name).iterdir()):
            raise OSError("nothing was downloaded")
        if folder.exists():
            folder.rmdir()
        (temporary / name).rename(folder)
    except Exception as error:  # the package raises bare exceptions for network, login and archive failures alike
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{name} cannot be downloaded ({problem})", _steps(chosen, command)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def has_kaggle_login() -> bool:
    """Whether there is a login where the package ``kaggle`` (2.x and older) looks for one; it is not read."""
    named = os.environ.get("KAGGLE_API_TOKEN") or (os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"))
    if named or os.environ.get("KAGGLE_API_V1_TOKEN"):  # the last is set within Kaggle's own notebooks
        return True
    home = Path.home() / ".kaggle"
    other = os.environ.get("KAGGLE_CONFIG_DIR")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    files = [home / file for file in ("access_token", "access_token.txt", "credentials.json")]
    folders = [Path(other)] if other else [home, config]
    return any(file.is_file() for file in [*files, *(place / "kaggle.json" for place in folders)])


def _nearest(name: str, there: list[str]) -> str:
    lower = {key.lower(): key for key in there}
    near = [lower[key] for key in difflib.get_close_matches(name.lower(), lower, n=3)]
    return f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(there)}."


def _steps(chosen: Any, command: str) -> str:
    if not hasattr(chosen, "kaggle_url"):
        return OTHER_STEPS.format(page=f"{HELP}#{chosen.display_name().lower()}", command=command)
    kind = "datasets" if chosen.kaggle_type == "datasets" else "competitions"
    return KAGGLE_STEPS.format(page=f"https://www.kaggle.com/{kind}/{chosen.kaggle_url}", command=command)


@contextlib.contextmanager
def _scripts_on_path() -> Iterator[None]:
    """The package calls the command ``kaggle``, which lies beside the interpreter, on the PATH or not."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
