"""Discovery: where plugins come from. In-tree folders, entry points of group ``harness``, and files that are named."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from harness.errors import PluginError
from harness.fingerprint import digest
from harness.hookspecs import PROJECT

IN_TREE = "harness_plugins"

Candidate = tuple[str, str, Callable[[], object]]
"""Name, where it comes from, and what imports it."""


def candidates(files: Sequence[str | Path]) -> Iterator[Candidate]:
    """All plugins that could be loaded; none of them is imported yet. A file that is named twice comes once."""
    for module in _in_tree():
        place = "/".join(module.split(".")[1:])
        yield place.rpartition("/")[2], f"in-tree {place}", partial(importlib.import_module, module)
    for point in sorted(importlib.metadata.entry_points(group=PROJECT), key=lambda point: point.name):
        source = f"package {point.dist.name} {point.dist.version}" if point.dist else "entry point"
        yield point.name, source, point.load
    for path in dict.fromkeys(Path(file).expanduser().resolve() for file in files):
        yield path.stem, f"file {path.parent.name}/{path.name}", partial(_import_file, path)


def in_tree_folders() -> list[Path]:
    """The folders ``plugins`` whose plugins this harness finds: of its own checkout, or where it is installed."""
    return [Path(folder).resolve() for folder in importlib.import_module(IN_TREE).__path__]


def _in_tree() -> Iterator[str]:
    package = importlib.import_module(IN_TREE)
    for folder in sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg):
        inside = importlib.import_module(f"{IN_TREE}.{folder}")
        for module in sorted(m.name for m in pkgutil.iter_modules(inside.__path__)):
            if not module.startswith("_"):
                yield f"{IN_TREE}.{folder}.{module}"


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError(f"plugin file {path} does not exist", "Give the path of a Python file.")
    name = f"harness_file_{digest(str(path))[:12]}_{path.stem}"  # two folders may hold files of one name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin file {path} is no Python file", "Give a file that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
