"""Plugin and grid settings: frozen pydantic models, and what of them enters a key or a record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import GridError

WEIGHT_WORDS = ("pretrained", "random", "none")
COLUMN = "column"
"""The ``segmenter`` that is none: the masks are those of the data set."""


class Config(BaseModel):
    """Settings of a plugin. Immutable, and an unknown setting is an error. Subclass it, one typed default a field."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())


class FeaturesConfig(Config):
    """Settings of features that can be kept to the animal; the harness sees to it, an extractor knows nothing of it."""

    max_keypoints: int = Field(512, ge=1, description="keypoints kept of an image, strongest first")
    mask: Literal["none", "keypoints", "pixels"] = Field(
        "none", description="what is left out off the animal: nothing, its keypoints, or its pixels"
    )
    segmenter: str = Field(
        COLUMN, description="where masks come from: the data set's column, or a segmenter such as grabcut[iterations=3]"
    )


class MatcherConfig(Config):
    """Settings of a matcher that can leave candidates out, see :mod:`harness.stages.cascade`."""

    cascade: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="largest share of full matching's right first answers that may be lost; 0 matches every candidate",
    )


def masked(config: Config) -> bool:
    """Whether these are settings of features that are kept to the animal."""
    return isinstance(config, FeaturesConfig) and config.mask != "none"


def knob(default: Any, description: str, **constraints: Any) -> Any:
    """Declare a setting that changes speed but no result: it is recorded and stays out of every key."""
    return Field(default, description=description, json_schema_extra={"knob": True}, **constraints)


def artefact(default: str, description: str, shipped: Mapping[str, str] | None = None, **constraints: Any) -> Any:
    """Declare a setting that may name a file (``pretrained``, ``random``, ``none`` are words, all else a path).

    A key holds the SHA-256 of the file's content; a record holds its base name and the head of that digest,
    never the path. ``shipped``: word -> file of the plugin's own; the word stands for the name of the file.
    """
    extra: dict[str, Any] = {"artefact": True, "shipped": dict(shipped or {})}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def location(default: str, description: str, **constraints: Any) -> Any:
    """Declare a setting that names a folder: it stays out of every key, and a record holds its base name only."""
    return Field(default, description=description, json_schema_extra={"location": True, "knob": True}, **constraints)


def deciding(config: Config) -> dict[str, Any]:
    """All result-deciding settings with defaults written out; a file stands as the digest of its content."""
    return {f.name: f"sha256:{file_sha256(f.file)}" if f.file else f.value for f in _fields(config) if not f.knob}


def public(config: Config) -> dict[str, Any]:
    """All settings as a record shows them: no path, a folder as its base name, a file as ``name@digest``
    (``name@missing`` where there is none: its plugin says so when it is asked whether it can run)."""
    return {f.name: _shown(f) for f in _fields(config)}


def changed(config: Config) -> dict[str, Any]:
    """The result-deciding settings that differ from their defaults, as :func:`public` shows them: for short labels.

    Settings without a default come first: they say what the plugin is.
    """
    required = {name for name, field in type(config).model_fields.items() if field.is_required()}
    differing = [f for f in _fields(config) if f.value != f.default and (f.folder or not f.knob)]
    ordered = sorted(differing, key=lambda f: f.name not in required)
    return {f.name: f.value if f.shipped else _shown(f) for f in ordered}


def anchored(config: Config) -> dict[str, str]:
    """The settings that name a file or folder, as absolute paths: for use in another current folder of this machine."""
    named = [f for f in _fields(config) if (f.file and not f.shipped) or (f.folder and f.value)]
    return {f.name: str(Path(f.value).expanduser().absolute()) for f in named}


class _Setting(NamedTuple):
    name: str
    value: Any
    default: Any
    file: str
    shipped: bool
    folder: bool
    knob: bool


def _shown(setting: _Setting) -> Any:
    if setting.file:
        path = Path(setting.file).expanduser()
        name = setting.value if setting.shipped else path.name
        return f"{name}@{file_sha256(path)[:8] if path.is_file() else 'missing'}"
    return Path(setting.value).name if setting.folder and setting.value else setting.value


def _fields(config: Config) -> Iterator[_Setting]:
    values = config.model_dump(mode="json")
    defaults = type(config).model_construct().model_dump(mode="json", warnings=False)
    for name, field in type(config).model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        value, own = values[name], extra.get("shipped")
        shipped = own if isinstance(own, dict) else {}
        is_file = bool(extra.get("artefact")) and isinstance(value, str) and value not in WEIGHT_WORDS
        file = str(shipped.get(value, value)) if is_file else ""
        folder, fast = bool(extra.get("location")), bool(extra.get("knob"))
        yield _Setting(name, value, defaults.get(name), file, is_file and value in shipped, folder, fast)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hex.

    Raises:
        GridError: the file cannot be read.
    """
    target = Path(path).expanduser()
    try:
        stat = target.stat()
        return _sha256(str(target.resolve()), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise GridError(f"cannot read {path}: {error.strerror}", "Give the path of an existing file.") from error


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
