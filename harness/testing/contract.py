"""What holds of every plugin, whatever its kind: declared light, settings that can be trusted, built on the CPU."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness import contracts
from harness.choice import Choice, Entry
from harness.config import changed, deciding, public
from harness.errors import GridError
from harness.refs import NAME, Ref, parse
from harness.registry import Registry
from harness.settings import validated
from harness.specs import API
from harness.testing import given, samples

HEAVY = (
    *("torch", "torchvision", "timm", "kornia", "cv2", "pandas", "matplotlib", "sklearn", "scipy", "skimage"),
    *("pytorch_metric_learning", "wildlife_datasets", "lightning_fabric", "transformers", "tensorflow", "jax"),
    "onnxruntime",
)
"""Packages that declaring a plugin must not import."""

DECLARING = """
import json, sys, warnings
from harness.discovery import candidates
from harness.registry import Registry
source, files, heavy = json.loads(sys.argv[1])
before = set(sys.modules)
warnings.simplefilter("ignore")
registry = Registry()
for name, found, load in candidates(files):
    if found == source:
        registry.add(name, found, load)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before} & set(heavy))))
"""

PROTOCOLS: dict[str, type] = {
    "dataset": contracts.Dataset,
    "backbone": contracts.Backbone,
    "loss": contracts.Loss,
    "segmenter": contracts.Segmenter,
    "features": contracts.Features,
    "matcher": contracts.Matcher,
    "fusion": contracts.Fusion,
    "openset": contracts.OpenSetRule,
}


class Contract:
    """The tests of one plugin. A subclass whose name begins with ``Test`` is collected by pytest.

    Attributes:
        plugin: a reference as grids write it: ``name`` or ``name[setting=value,...]``.
        files: plugin files to load, as ``--plugin`` does; relative ones lie beside the file of the test class.

    A subclass may add tests, and override the methods whose text says so. It cannot override a test of the contract,
    unless it marks its own with ``@pytest.mark.xfail(reason="...")``: a deviation is then told, and not hidden.
    """

    kind: ClassVar[str] = ""
    plugin: ClassVar[str] = ""
    files: ClassVar[Sequence[str | Path]] = ()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not _ours(cls):
            _refuse_overrides(cls)

    @pytest.fixture(autouse=True)
    def _on_the_cpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HARNESS_DEVICE", "cpu")

    def choice(self) -> Choice:
        """The plugin with its settings, as the registry resolves the reference."""
        return self._registry().resolve(self.kind, self.plugin)

    def fresh(self) -> Any:
        """The plugin, built anew; where it says that it is unavailable, the test is skipped with its reason."""
        choice = self.choice()
        if reason := choice.unavailable():
            pytest.skip(f"not available here: {reason}")
        return self._able(choice.build())

    def made(self) -> Any:
        """The plugin, built once for all tests of the class."""
        if "_made" not in vars(type(self)):
            type(self)._made = self.fresh()  # type: ignore[attr-defined]
        return type(self)._made  # type: ignore[attr-defined]

    def _files(self) -> tuple[str, ...]:
        beside = Path(sys.modules[type(self).__module__].__file__ or ".").parent
        return tuple(str((beside / Path(file).expanduser()).resolve()) for file in self.files)

    def _registry(self) -> Registry:
        assert self.plugin, f"{type(self).__name__} names no plugin: write plugin = 'name' into the class"
        return _registry(self._files())

    def _entry(self) -> Entry:
        return self._registry().find(self.kind, parse(self.plugin).name)

    def test_declares_name_version_licence_and_summary(self) -> None:
        spec = self._entry().spec
        assert NAME.fullmatch(spec.name), f"name {spec.name!r} is not lower case letters, digits, '-', '_' and '.'"
        for field in ("version", "licence", "summary"):
            assert getattr(spec, field).strip(), f"the spec's {field} is empty"
        assert "\n" not in spec.summary, "the summary is one line"
        assert 1 <= spec.api <= API, f"api {spec.api} is none that this harness knows"

    def test_declaring_imports_nothing_heavy(self) -> None:
        heavy = _heavy(self._entry().source, self._files())
        assert not heavy, f"declaring the plugin imports {', '.join(heavy)}: import it inside build() or its methods"

    def test_settings_are_frozen(self) -> None:
        config = self.choice().config
        assert type(config).model_config.get("frozen"), "the settings can be changed after they entered a key"

    def test_an_unknown_setting_is_refused(self) -> None:
        spec = self._entry().spec
        settings = {**parse(self.plugin).settings, "no_such_setting": 1}
        with pytest.raises(GridError, match="no_such_setting"):
            validated(spec.config, settings, "settings")

    def test_settings_survive_a_round_trip(self) -> None:
        config = self.choice().config
        for dumped in (config.model_dump(), json.loads(config.model_dump_json())):
            assert type(config).model_validate(dumped) == config, "settings that are written and read again differ"

    def test_a_reference_survives_a_round_trip(self) -> None:
        choice = self.choice()
        dumped, shown = choice.config.model_dump(mode="json"), public(choice.config)
        different = {name: dumped[name] for name in changed(choice.config) if dumped[name] is not None}
        required = {n for n, f in type(choice.config).model_fields.items() if f.is_required()}
        ref = Ref(choice.spec.name, {n: dumped[n] for n in [*different, *(required - set(different))]})
        twin = self._registry().resolve(self.kind, str(ref))
        assert deciding(twin.config) == deciding(choice.config), f"{ref} is read as other settings"
        assert twin.label == choice.label, f"{ref} has another label, {twin.label}"
        if all(shown[name] == dumped[name] for name in different):  # no path, so that the label is a reference too
            from_label = self._registry().resolve(self.kind, choice.label)
            assert deciding(from_label.config) == deciding(choice.config), f"label {choice.label} loses a setting"

    def test_builds_on_the_cpu_and_can_do_what_its_kind_must(self) -> None:
        assert isinstance(self.made(), PROTOCOLS[self.kind]), f"it is no harness.{PROTOCOLS[self.kind].__name__}"

    def test_it_prints_nothing(self) -> None:
        told = given.printed(lambda: self._use(self.fresh()))
        assert not told, f"it writes {told[:60]!r} to stdout, which breaks --json: use logging, or remove the print"

    def _use(self, built: Any) -> None:
        """Have a plugin do once what its kind does."""

    def _able(self, built: Any) -> Any:
        """The plugin that was built, which has every method of its kind."""
        lacks, kind = given.lacking(built, PROTOCOLS[self.kind]), PROTOCOLS[self.kind].__name__
        assert not lacks, f"what build() gives, {given.a(built)}, lacks {' and '.join(lacks)}: see harness.{kind}"
        return built

    def _twice(self) -> tuple[Any, Any]:
        """Two builds, between which the global random state has moved on: what is built must not hang on it."""
        samples.reseed(0)
        first = self.fresh()
        samples.reseed(1)
        return first, self.fresh()


def _ours(cls: type) -> bool:
    return cls.__module__.startswith("harness.testing.")


def _refuse_overrides(cls: type) -> None:
    """Raise a TypeError for a test of the contract that a subclass, or a mixin of it, has put something else for; and
    for what begins with ``_``, by which the tests work."""
    ours = [base for base in cls.__mro__ if _ours(base)]
    guarded = {name for base in ours for name in vars(base) if re.match("test|_(?!_)", name)}
    for name in sorted(guarded):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner not in ours and not _expected_to_fail(vars(owner)[name]):
            raise TypeError(
                f"{cls.__name__}.{name} overrides a test of the contract: remove it, or mark it with "
                '@pytest.mark.xfail(reason="...") and say why the plugin deviates'
            )


def _expected_to_fail(test: Any) -> bool:
    """Whether it is marked xfail, without a condition, and says why."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "xfail"]
    return any(
        not mark.args and "condition" not in mark.kwargs and str(mark.kwargs.get("reason") or "").strip()
        for mark in marks
    )


@lru_cache(maxsize=32)
def _registry(files: tuple[str, ...]) -> Registry:
    return Registry.load(files)


@lru_cache(maxsize=256)
def _heavy(source: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """The heavy packages that are imported when the plugins of one source, and no others, are registered."""
    words = [sys.executable, "-c", DECLARING, json.dumps([source, files, HEAVY])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603
    return tuple(json.loads(done.stdout.splitlines()[-1]))
