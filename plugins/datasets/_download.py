"""Downloading through wildlife-datasets: whole or not at all, and the exact steps where a login is missing."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import DataError

KAGGLE_STEPS = (
    "Kaggle wants a login: 1. make a token at https://www.kaggle.com/settings (section API). 2. save it as "
    "~/.kaggle/access_token, or set KAGGLE_API_TOKEN (the older ~/.kaggle/kaggle.json, or KAGGLE_USERNAME with KAGGLE_KEY, "
    "works too). 3. accept the terms on {page}. 4. type the same command again."
)


def dataset_class(name: str) -> Any:
    """A data set class of wildlife-datasets, by name.

    Raises:
        DataError: there is none of that name; tells the nearest ones.
    """
    from wildlife_datasets import datasets
    from wildlife_datasets.datasets import WildlifeDataset

    def is_class(value: object) -> bool:
        return isinstance(value, type) and issubclass(value, WildlifeDataset) and value is not WildlifeDataset

    classes = {key: value for key, value in vars(datasets).items() if is_class(value)}
    if name in classes:
        return classes[name]
    lower = {key.lower(): key for key in classes}
    near = [lower[key] for key in difflib.get_close_matches(name.lower(), lower, n=3)]
    advice = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(sorted(classes))}."
    raise DataError(f"wildlife-datasets has no data set {name!r}", advice)


def fetch(name: str, folder: Path, page: str = "") -> None:
    """Download and unpack a data set beside ``folder``, then rename it into place.

    Raises:
        DataError: no network, no login, terms not accepted, or a broken archive: says what to do.
    """
    chosen = dataset_class(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    needs_login = hasattr(chosen, "kaggle_url")
    if needs_login and not _has_kaggle_login():
        temporary.rmdir()
        raise DataError(f"{name} cannot be downloaded: no Kaggle login was found", _steps(chosen, page))
    try:
        with _kept_folder(), _scripts_on_path():
            chosen.get_data(str(temporary))
        if not any(temporary.iterdir()):
            raise OSError("nothing was downloaded")
        if folder.exists():
            folder.rmdir()  # only an empty one: files of the user are never replaced
        temporary.rename(folder)
    except Exception as error:  # the package raises bare exceptions for network, login and archive failures alike
        advice = _steps(chosen, page) if needs_login else "Check the network, then type the same command again."
        raise DataError(f"{name} cannot be downloaded: {error}", advice) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _steps(chosen: Any, page: str) -> str:
    kind = "datasets" if getattr(chosen, "kaggle_type", "") == "datasets" else "competitions"
    return KAGGLE_STEPS.format(page=page or f"https://www.kaggle.com/{kind}/{chosen.kaggle_url}")


def _has_kaggle_login() -> bool:
    home = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle")
    named = os.environ.get("KAGGLE_API_TOKEN") or (os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"))
    return bool(named) or any((home / file).is_file() for file in ("access_token", "kaggle.json"))


@contextlib.contextmanager
def _kept_folder() -> Iterator[None]:
    """The package changes the current folder while it downloads, and stays there when it fails."""
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _scripts_on_path() -> Iterator[None]:
    """The package calls the command ``kaggle``, which lies beside the interpreter."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
