"""The registry: holds plugins, keeps broken ones apart, and turns a reference into a checked choice."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pluggy

from harness import hookspecs
from harness.choice import Broken, Choice, Entry, named
from harness.config import COLUMN, FeaturesConfig
from harness.declared import checked
from harness.discovery import candidates
from harness.errors import PluginError
from harness.refs import Ref, parse
from harness.settings import validated
from harness.specs import KINDS, Spec

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

        Whatever goes wrong stays with that plugin: it is warned about and listed in ``broken``. What it prints while it
        is loaded goes to the error stream, since the output stream is that of the command.
        """
        plugin: object = None
        try:
            with redirect_stdout(sys.stderr):
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
        self._look_at_hooks(plugin, source)
        found = [(kind, Entry(spec, source, module)) for kind in KINDS for spec in self._yielded(plugin, kind)]
        for kind, entry in found:
            self._found[kind].append(entry)

    def _look_at_hooks(self, plugin: object, source: str) -> None:
        """Tell of a plugin without any hook, and of the nearest name where a hook is not known."""
        callers = self.manager.get_hookcallers(plugin)
        if not callers:
            warnings.warn(f"{source} offers no plugin: is @hookimpl missing?", stacklevel=2)
        for caller in callers or ():
            needed = any(impl.plugin is plugin and not impl.optionalhook for impl in caller.get_hookimpls())
            if needed and not caller.has_spec():
                known = [name for name in vars(hookspecs) if name.startswith("harness_")]
                raise ValueError(f"there is no hook {caller.name}{_near(caller.name, known, ': did you mean {}?', 1)}")

    def _yielded(self, plugin: object, kind: str) -> Iterator[Spec]:
        hook = getattr(self.manager.hook, HOOKS[kind])
        for impl in hook.get_hookimpls():
            if impl.plugin is plugin:
                specs = impl.function()
                if not isinstance(specs, Iterable):
                    raise TypeError(f"{HOOKS[kind]} must yield specs: write yield")
                for spec in specs:
                    yield checked(spec, kind, HOOKS[kind])

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
        raise self.unknown(name, kind)

    def unknown(self, name: str, kind: str | None = None) -> PluginError:
        """What to tell of a name that no plugin of that kind, or of any, has: broken, near ones, what files offer."""
        noun = kind or "plugin"
        for broken in self.broken:
            if broken.name.replace("_", "-") == name.replace("_", "-"):
                return PluginError(f"{noun} {name!r} is broken ({broken.source}): {broken.error}", "Mend the plugin.")
        names = sorted({entry.spec.name for each in ([kind] if kind else KINDS) for entry in self.entries(each)})
        advice = [_near(name, names, "Did you mean {}?"), *self._offered()]
        if not any(advice):
            all_of = f"There are: {', '.join(names) or 'none'}."
            advice = [all_of if kind else "Name its file with --plugin, or install its package."]
        told = " ".join(filter(None, [*advice, "(harness plugins list)"]))
        return PluginError(f"there is no {noun} called {name!r}", told)

    def _offered(self) -> Iterator[str]:
        """A sentence for each file of ``--plugin`` that offers something."""
        offered: dict[str, list[str]] = {}
        for kind in KINDS:
            for entry in self.entries(kind):
                if entry.source.startswith("file "):
                    offered.setdefault(entry.source, []).append(f"{kind} {entry.spec.name}")
        return (f"The {source} offers {', '.join(names)}." for source, names in offered.items())

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


def _near(name: str, known: Sequence[str], sentence: str, most: int = 3) -> str:
    """The sentence with the known names that are much like this one, or nothing where none is."""
    near = difflib.get_close_matches(name, known, n=most, cutoff=0.6)
    return sentence.format(" or ".join(near)) if near else ""
