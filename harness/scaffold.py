"""A new plugin from the templates in ``harness/template``: in tree, as a file to try, or as a project to publish."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING

from harness import __version__
from harness.discovery import in_tree_folders
from harness.disk import explained
from harness.errors import PluginError
from harness.refs import NAME, RESERVED
from harness.specs import KINDS

if TYPE_CHECKING:
    from harness.registry import Registry

FOLDERS = {
    "dataset": "datasets",
    "backbone": "backbones",
    "loss": "losses",
    "segmenter": "segmenters",
    "features": "features",
    "matcher": "matchers",
    "fusion": "fusion",
    "openset": "openset",
}
"""Kind -> folder below ``plugins/``."""

CONTRACTS = {kind: f"{KINDS[kind].__name__.removesuffix('Spec')}Contract" for kind in FOLDERS}
"""Kind -> class of ``harness.testing``."""

LONGEST = 40
"""Letters of a name: longer ones make tables that nobody can read."""


@dataclass(frozen=True)
class Named:
    """A plugin that does not exist yet: its kind, its name, and what follows from the name."""

    kind: str
    name: str

    @property
    def module(self) -> str:
        """The Python file without its ending."""
        return re.sub(r"[-.]", "_", self.name)

    @property
    def project(self) -> str:
        """The distribution that it is published as."""
        return f"reid-harness-{re.sub(r'[-_.]+', '-', self.name).strip('-')}"

    def context(self) -> dict[str, str]:
        """What the templates may use; ``file`` is empty unless the plugin is a file to be named by its test."""
        title = "".join(part.capitalize() for part in re.split(r"[-_.]+", self.name))
        package = f"reid_harness_{self.module}"
        contract = CONTRACTS[self.kind]
        own = {"kind": self.kind, "name": self.name, "module": self.module, "project": self.project, "package": package}
        return {**own, "title": title, "contract": contract, "harness": __version__, "file": ""}


def checked(kind: str, name: str, registry: Registry) -> Named:
    """The plugin to be written.

    Raises:
        PluginError: a name that the registry or Python would refuse, or one that a plugin of that kind has.
    """
    named = Named(kind, name)
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        advice = (
            f"Use at most {LONGEST} lower case letters, digits, and between them '-', '_' or '.', as in my-matcher."
        )
        raise PluginError(f"{name!r} cannot be the name of a plugin", advice)
    if name in RESERVED:
        raise PluginError(f"{name!r} means something else in a grid", "Choose another name.")
    if not named.module.isidentifier() or keyword.iskeyword(named.module):
        advice = "Begin with a letter, and use no word of the language."
        raise PluginError(f"{name!r} gives the module name {named.module!r}, which Python cannot import", advice)
    for entry in registry.entries(kind):
        if entry.spec.name == name:
            raise PluginError(f"there is a {kind} called {name!r} already ({entry.source})", "Choose another name.")
    return named


def checkout(start: Path, kind: str) -> Path | None:
    """The folder at or above ``start`` that holds in-tree plugins of that kind and their tests, or None."""
    inner = ("plugins", FOLDERS[kind]), ("tests", "plugins")
    above = start.resolve()
    return next((at for at in (above, *above.parents) if all(at.joinpath(*parts).is_dir() for parts in inner)), None)


def foreign(root: Path) -> bool:
    """Whether a checkout is not the one that the running harness comes from, so that its plugins are not found."""
    return (root / "plugins").resolve() not in in_tree_folders()


def in_tree(named: Named, root: Path) -> dict[Path, str]:
    """Path -> text of a plugin inside a checkout of the harness, and of its test."""
    folder = FOLDERS[named.kind]
    plugin = root / "plugins" / folder / f"{named.module}.py"
    test = root / "tests" / "plugins" / f"test_{folder}_{named.module}.py"
    return _plugin_and_test(named, plugin, test)


def beside(named: Named, folder: Path) -> dict[Path, str]:
    """Path -> text of one file for ``--plugin``, and of its test.

    Raises:
        PluginError: pytest would take the file for its own, or the file would hide a package of its name from every
            Python that starts in the folder.
    """
    plugin, test = folder / f"{named.module}.py", folder / f"test_{named.module}.py"
    if named.module == "conftest" or named.module.startswith("test_"):
        raise PluginError(f"pytest would take {plugin.name} for a file of tests", "Choose another name.")
    if not plugin.exists() and _importable(named.module):
        advice = "Choose another name, or write a project of its own with --standalone."
        raise PluginError(f"{plugin.name} would hide the Python package {named.module!r}", advice)
    return _plugin_and_test(named, plugin, test, file=plugin.name)


def standalone(named: Named, folder: Path) -> dict[Path, str]:
    """Path -> text of a project that can be installed and published; the harness finds it by its entry point."""
    context, module = named.context(), named.module
    package = folder / "src" / context["package"]
    targets = {
        "pyproject.toml": folder / "pyproject.toml",
        "README.md": folder / "README.md",
        "LICENSE": folder / "LICENSE",
        "gitignore": folder / ".gitignore",
        "check.yml": folder / ".github" / "workflows" / "check.yml",
        "__init__.py": package / "__init__.py",
    }
    project = {path: _rendered(f"standalone/{name}", context) for name, path in targets.items()}
    return project | _plugin_and_test(named, package / f"{module}.py", folder / "tests" / f"test_{module}.py")


def write(texts: Mapping[Path, str]) -> list[Path]:
    """Write the files, or none of them.

    Raises:
        PluginError: one of them is there already; nothing is ever overwritten.
        StoreError: the folder cannot be written.
    """
    for path in texts:
        if path.exists() or path.is_symlink():
            raise PluginError(f"{path} is there already, and is not overwritten", "Choose another name or --into DIR.")
    for path, text in texts.items():
        with explained(path, "folder", "--into"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as handle:  # "x": another process may have been quicker
                handle.write(text)
    return list(texts)


def _plugin_and_test(named: Named, plugin: Path, test: Path, file: str = "") -> dict[Path, str]:
    context = {**named.context(), "file": file}
    return {plugin: _rendered(f"plugin/{named.kind}.py", context), test: _rendered("test.py", context)}


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _rendered(name: str, context: Mapping[str, str]) -> str:
    """A template with its gaps filled; a gap without a value is an error, not an empty string."""
    from jinja2 import Environment, StrictUndefined

    source = resources("harness").joinpath("template", f"{name}.jinja").read_text(encoding="utf-8")
    made = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 (no HTML)
    return made.from_string(source).render(context)
