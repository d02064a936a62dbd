"""The registry: finds plugins, keeps broken ones apart, and turns a reference into a checked choice."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from pydantic import ValidationError

from harness import hookspecs
from harness.config import Config, changed, deciding
from harness.errors import GridError, PluginError
from harness.fingerprint import code_hash
from harness.refs import NAME, Ref, parse
from harness.specs import API, KINDS, Spec

IN_TREE = "harness_plugins"
HOOKS = {
    "dataset": "harness_datasets",
    "backbone": "harness_backbones",
    "loss": "harness_losses",
    "features": "harness_features",
    "matcher": "harness_matchers",
    "fusion": "harness_fusions",
    "openset": "harness_openset_rules",
}


@dataclass(frozen=True)
class Entry:
    """A plugin as found: its spec and where it came from."""

    spec: Spec
    source: str

    @property
    def missing(self) -> str:
        """The pip line for packages that are not installed, or an empty string."""
        lacking = [
            r.rpartition("=")[2] for r in self.spec.requires if importlib.util.find_spec(r.partition("=")[0]) is None
        ]
        return f"pip install {' '.join(lacking)}" if lacking else ""


@dataclass(frozen=True)
class Broken:
    """A plugin file or entry point that could not be used, with its error."""

    name: str
    source: str
    error: str


@dataclass(frozen=True)
class Choice:
    """A plugin with validated settings: what a cell is made of."""

    spec: Spec
    config: Config

    @property
    def label(self) -> str:
        """Short text for tables: the name with the settings that differ from their defaults, no paths."""
        return str(Ref(self.spec.name, changed(self.config)))

    def identity(self) -> dict[str, Any]:
        """What enters a key: name, version, hash of the code, result-deciding settings with defaults."""
        code = code_hash(self.spec.build.__module__)
        return {"name": self.spec.name, "version": self.spec.version, "code": code, "settings": deciding(self.config)}

    def build(self, *arguments: Any) -> Any:
        """Make the plugin; this is where its heavy packages are imported."""
        return self.spec.build(self.config, *arguments)

    def unavailable(self) -> str | None:
        """Why it cannot run here now, or None."""
        return self.spec.unavailable(self.config)


class Registry:
    """All plugins that this process knows."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.broken: list[Broken] = []
        self._found: dict[str, list[Entry]] = {kind: [] for kind in KINDS}

    @classmethod
    def load(cls, files: Sequence[str | Path] = ()) -> Registry:
        """Find in-tree plugins, entry points of group ``harness``, and the given files.

        A plugin that fails is warned about once and listed in ``broken``.
        """
        registry = cls()
        for module_name in _in_tree():
            registry._add(
                module_name.rpartition(".")[2], "in-tree", lambda name=module_name: importlib.import_module(name)
            )
        for point in sorted(importlib.metadata.entry_points(group=hookspecs.PROJECT), key=lambda p: p.name):
            source = f"package {point.dist.name} {point.dist.version}" if point.dist else "entry point"
            registry._add(point.name, source, point.load)
        for file in files:
            registry._add(Path(file).stem, f"file {Path(file).name}", lambda path=Path(file): _import_file(path))
        return registry

    def _add(self, name: str, source: str, load: Any) -> None:
        """Import and register one plugin; whatever goes wrong stays with that plugin."""
        try:
            plugin = load()
            self.manager.register(plugin, name=f"{source}: {getattr(plugin, '__name__', name)}")
        except Exception as error:
            return self._mark_broken(name, source, error)
        try:
            self.manager.check_pending()
            entries = [(kind, Entry(spec, source)) for kind in KINDS for spec in self._yielded(plugin, kind)]
        except Exception as error:
            self.manager.unregister(plugin)
            return self._mark_broken(name, source, error)
        for kind, entry in entries:
            self._found[kind].append(entry)
        return None

    def _yielded(self, plugin: object, kind: str) -> Iterator[Spec]:
        hook = getattr(self.manager.hook, HOOKS[kind])
        for impl in hook.get_hookimpls():
            if impl.plugin is plugin:
                for spec in impl.function():
                    yield _checked(spec, kind)

    def _mark_broken(self, name: str, source: str, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        self.broken.append(Broken(name, source, text))
        warnings.warn(f"plugin {name} ({source}) is broken and left out: {text}", stacklevel=2)

    def entries(self, kind: str) -> list[Entry]:
        """All plugins of a kind, by name; clashing ones stand beside each other."""
        return sorted(self._found[kind], key=lambda entry: entry.spec.name)

    def find(self, kind: str, name: str) -> Entry:
        """The plugin of that kind and name.

        Raises:
            PluginError: unknown (with the nearest names), broken, two of one name, or a package is missing.
        """
        found = [entry for entry in self._found[kind] if entry.spec.name == name]
        if len(found) > 1:
            raise PluginError(
                f"two {kind} plugins are called {name!r}: {' and '.join(entry.source for entry in found)}",
                "Rename or remove one of them.",
            )
        if found and found[0].missing:
            raise PluginError(f"{kind} {name!r} needs a package that is not installed", found[0].missing)
        if found:
            return found[0]
        raise self._unknown(kind, name)

    def _unknown(self, kind: str, name: str) -> PluginError:
        for broken in self.broken:
            if broken.name.replace("_", "-") == name.replace("_", "-"):
                return PluginError(f"{kind} {name!r} is broken ({broken.source}): {broken.error}", "Mend the plugin.")
        names = [entry.spec.name for entry in self.entries(kind)]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        advice = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(names) or 'none'}."
        return PluginError(f"there is no {kind} called {name!r}", f"{advice} (harness plugins list)")

    def resolve(self, kind: str, ref: str | Ref) -> Choice:
        """Turn a reference into a choice with validated settings.

        Raises:
            PluginError: see :meth:`find`.
            GridError: a setting that the plugin does not have, or a value that it refuses.
        """
        parsed = parse(ref) if isinstance(ref, str) else ref
        spec = self.find(kind, parsed.name).spec
        return Choice(spec, validated(spec.config, parsed.settings, f"{kind} {parsed.name!r}"))


def validated(model: type[Config], settings: Any, where: str) -> Any:
    """Make settings of a model from plain values.

    Raises:
        GridError: names ``where``, the setting, the value and what is wrong; an unknown setting comes with its neighbours.
    """
    try:
        return model(**settings)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            setting = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                near = difflib.get_close_matches(setting, model.model_fields, n=1)
                known = ", ".join(model.model_fields) or "none"
                lines.append(
                    f"no setting {setting!r} (did you mean {near[0]!r}?)"
                    if near
                    else f"no setting {setting!r}; it has: {known}"
                )
            else:
                lines.append(f"{setting} = {item.get('input')!r}: {item['msg']}")
        raise GridError(f"{where}: {'; '.join(lines)}", "Mend the setting.") from None


def _checked(spec: Any, kind: str) -> Spec:
    wanted = KINDS[kind]
    if not isinstance(spec, wanted):
        raise TypeError(f"{HOOKS[kind]} must yield {wanted.__name__}, not {type(spec).__name__}")
    if not NAME.fullmatch(spec.name):
        raise ValueError(f"plugin name {spec.name!r} must be lower case letters, digits, '-', '_' or '.'")
    if spec.api > API:
        raise ValueError(
            f"plugin {spec.name!r} is written for interface {spec.api}, this harness has {API}: upgrade it"
        )
    if not (isinstance(spec.config, type) and issubclass(spec.config, Config)):
        raise TypeError(f"plugin {spec.name!r}: config must be a subclass of harness.Config")
    return spec


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
    name = f"harness_file_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
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
