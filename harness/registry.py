"""The registry: holds plugins, keeps broken ones apart, and turns a reference into a checked choice."""

from __future__ import annotations

import difflib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pluggy

from harness import hookspecs
from harness.config import COLUMN, Config, FeaturesConfig, changed, deciding
from harness.discovery import candidates
from harness.errors import HarnessError, PluginError
from harness.fingerprint import code_hash
from harness.refs import NAME, Ref, parse
from harness.settings import validated
from harness.specs import API, KINDS, Spec

HOOKS = {
    "dataset": "harness_datasets",
    "backbone": "harness_backbones",
    "loss": "harness_losses",
    "segmenter": "harness_segmenters",
    "features": "harness_features",
    "matcher": "harness_matchers",
    "fusion": "harness_fusions",
    "openset": "harness_openset_rules",
}


@dataclass(frozen=True)
class Entry:
    """A plugin as found: its spec, where it came from, and the module that declares it."""

    spec: Spec
    source: str
    module: str = ""

    @property
    def missing(self) -> str:
        """The pip line for packages that are not installed, or an empty string."""
        wanted = [(name, pip or name) for name, _, pip in (text.partition("=") for text in self.spec.requires)]
        lacking = [pip for name, pip in wanted if not _installed(name)]
        return f"pip install {' '.join(lacking)}" if lacking else ""


@dataclass(frozen=True)
class Broken:
    """A plugin file or entry point that could not be used, with its error."""

    name: str
    source: str
    error: str


@dataclass(frozen=True)
class Choice:
    """A plugin with validated settings: what a cell is made of. ``module`` declares it (empty: that of ``build``).
    ``segmenter``: what guesses the masks of features that are masked by it."""

    spec: Spec
    config: Config
    module: str = ""
    segmenter: Choice | None = None

    @property
    def label(self) -> str:
        """Short text for tables: the name with the settings that differ from their defaults, no paths."""
        return str(Ref(self.spec.name, changed(self.config)))

    def identity(self) -> dict[str, Any]:
        """What enters a key: name, version, hash of the code, result-deciding settings with defaults."""
        settings = deciding(self.config)
        if self.segmenter:
            settings["segmenter"] = self.segmenter.identity()
        return {"name": self.spec.name, "version": self.spec.version, "code": self.code, "settings": settings}

    @property
    def code(self) -> str:
        """Hash of the plugin's code."""
        return code_hash(self.module or self.spec.build.__module__)

    def build(self, *arguments: Any) -> Any:
        """Make the plugin; this is where its heavy packages are imported."""
        return self.spec.build(self.config, *arguments)

    def unavailable(self) -> str | None:
        """Why it cannot run here now, or None.

        Raises:
            PluginError: the plugin's own check fails.
        """
        try:
            return self.spec.unavailable(self.config)
        except HarnessError:
            raise
        except Exception as error:
            problem = f"{self.spec.kind} {self.spec.name!r} cannot tell whether it is available: {_named(error)}"
            raise PluginError(problem, "Mend the plugin's unavailable().") from error


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
        for name, source, load in candidates(files):
            registry._add(name, source, load)
        return registry

    def _add(self, name: str, source: str, load: Callable[[], object]) -> None:
        """Import and register one plugin; whatever goes wrong stays with that plugin."""
        plugin: object = None
        try:
            plugin = load()
            self._register(plugin, name, source)
        except (Exception, SystemExit) as error:
            if plugin is not None and self.manager.is_registered(plugin):
                self.manager.unregister(plugin)
            self._mark_broken(name, source, error)

    def _register(self, plugin: object, name: str, source: str) -> None:
        if self.manager.is_registered(plugin):
            return  # two entry points may name one module
        module = str(getattr(plugin, "__name__", type(plugin).__module__))
        self.manager.register(plugin, name=f"{source}: {name}: {module}")
        self.manager.check_pending()
        found = [(kind, Entry(spec, source, module)) for kind in KINDS for spec in self._yielded(plugin, kind)]
        for kind, entry in found:
            self._found[kind].append(entry)

    def _yielded(self, plugin: object, kind: str) -> Iterator[Spec]:
        hook = getattr(self.manager.hook, HOOKS[kind])
        for impl in hook.get_hookimpls():
            if impl.plugin is plugin:
                for spec in impl.function():
                    yield _checked(spec, kind)

    def _mark_broken(self, name: str, source: str, error: BaseException) -> None:
        text = _named(error)
        self.broken.append(Broken(name, source, text))
        warnings.warn(f"plugin {name} ({source}) is broken and left out: {text}", stacklevel=2)

    def tell(self, hook: str, **facts: Any) -> None:
        """Call an observer hook on every plugin; one that fails is warned about, and the run goes on."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*(facts[name] for name in impl.argnames))
            except Exception as error:
                warnings.warn(f"{hook} of plugin {impl.plugin_name} failed: {_named(error)}", stacklevel=2)

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
        entry = self.find(kind, parsed.name)
        config = validated(entry.spec.config, parsed.settings, f"{kind} {parsed.name!r}")
        return self._with_segmenter(Choice(entry.spec, config, entry.module))

    def _with_segmenter(self, choice: Choice) -> Choice:
        """Features know their segmenter, and it is set by its label, which holds no path. It is checked even where
        nothing is masked, and then left out, since it decides nothing."""
        config = choice.config
        if not isinstance(config, FeaturesConfig) or config.segmenter == COLUMN:
            return choice
        segmenter = self.resolve("segmenter", config.segmenter)
        masked = config.mask != "none"
        name = segmenter.label if masked else COLUMN
        config = config.model_copy(update={"segmenter": name})
        return replace(choice, config=config, segmenter=segmenter if masked else None)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _installed(name: str) -> bool:
    """Whether a module could be imported, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules


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
    if not callable(spec.build):
        raise TypeError(f"plugin {spec.name!r}: build must be a function of its config")
    if not isinstance(spec.requires, tuple):
        raise TypeError(f"plugin {spec.name!r}: requires must be a tuple such as ('kornia',)")
    return spec
