"""What the registry gives: a plugin as it was found, and one that was chosen with checked settings."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from typing import Any

from harness.config import Config, changed, deciding
from harness.errors import HarnessError, PluginError
from harness.fingerprint import code_hash
from harness.refs import Ref
from harness.specs import Spec


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
            problem = f"{self.spec.kind} {self.spec.name!r} cannot tell whether it is available: {named(error)}"
            raise PluginError(problem, "Mend the plugin's unavailable().") from error


def named(error: BaseException) -> str:
    """An error with its type, in one line."""
    return f"{type(error).__name__}: {error}"


def _installed(name: str) -> bool:
    """Whether a module could be imported, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules
