"""What several commands share: consoles, common options, and opening registry, store and data."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def console() -> Console:
    """The console for messages: the error stream, so that the output stream holds results only."""
    return Console(stderr=True)


def out() -> Console:
    """The console for results: as wide as the terminal, or wide enough for a table where there is none."""
    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=200)


def print_json(value: Any) -> None:
    """Write a value to the output stream as JSON."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def store_where(given: str | None) -> str | Path:
    """``--store``, else ``$HARNESS_STORE``, else the user's cache folder; a URL stays text."""
    from platformdirs import user_cache_path

    chosen = given or os.environ.get("HARNESS_STORE")
    if chosen and "://" in chosen:
        return chosen
    return Path(chosen).expanduser() if chosen else user_cache_path("reid-harness")


def store_path(given: str | None) -> Path:
    """The folder of the store on this machine: of one at a URL, that of its mirror. It need not be there."""
    where = store_where(given)
    if isinstance(where, Path):
        return where
    from harness.remote import mirror

    return mirror(where)


def open_store(given: str | None) -> Store:
    """The store, made when missing."""
    from harness import remote

    return remote.open_store(store_where(given))


def open_registry(files: tuple[str, ...]) -> Registry:
    """All plugins, with the files given by ``--plugin``."""
    from harness.registry import Registry

    return Registry.load(files)


def json_option(command: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")(command)


def store_option(command: F) -> F:
    """``--store``."""
    text = "Where computed stages are kept; also s3://BUCKET/PREFIX [default: $HARNESS_STORE, else the user's cache]."
    return click.option("--store", metavar="DIR|URL", help=text)(command)


def results_option(command: F) -> F:
    """``--results``."""
    text = "Folder of records and leaderboards."
    return click.option("--results", metavar="DIR", default="results", show_default="./results", help=text)(command)


def plugin_option(command: F) -> F:
    """``--plugin``."""
    text = "Try a plugin file that is not installed (may be repeated)."
    return click.option("--plugin", "plugin_files", metavar="FILE", multiple=True, help=text)(command)
