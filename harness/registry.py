"""The registry: holds plugins, keeps broken ones apart, and turns a reference into a checked choice."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pluggy

from harness import hookspecs
from harness.choice import Broken, Choice, Entry, named
from harness.config import COLUMN, Config, FeaturesConfig
from harness.discovery import candidates
from harness.errors import PluginError
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
            registry.add(name, source, load)
        return registry

    def add(self, name: str, source: str, load: Callable[[], object]) -> None:
        """Import and register one plugin, see :func:`harness.discovery.candidates`.

        Whatever goes wrong stays with that plugin: it is warned about and listed in ``broken``.
        """
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
        text = named(error)
        self.broken.append(Broken(name, source, text))
        warnings.warn(f"plugin {name} ({source}) is broken and left out: {text}", stacklevel=2)

    def tell(self, hook: str, **facts: Any) -> None:
        """Call an observer hook on every plugin; one that fails is warned about, and the run goes on."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*(facts[name] for name in impl.argnames))
            except Exception as error:
                warnings.warn(f"{hook} of plugin {impl.plugin_name} failed: {named(error)}", stacklevel=2)

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
