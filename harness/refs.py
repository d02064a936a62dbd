"""Plugin references as grids write them: ``lightglue[features=sift,max_keypoints=512]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import GridError

NAME = re.compile(r"(?!.*\.\.)[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?")
"""What a plugin may be called: a letter or digit at both ends, no two dots in a row."""
RESERVED = frozenset({"none"})
"""Names that mean something else in a grid, so that no plugin can have them."""


@dataclass(frozen=True)
class Ref:
    """A plugin's name with settings. Settings parsed from text are text; pydantic gives them their types."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        inner = ",".join(f"{k}={_text(v)}" for k, v in self.settings.items())
        return f"{self.name}[{inner}]" if inner else self.name


def parse(text: str) -> Ref:
    """Read ``name`` or ``name[key=value,...]``; a value may itself be a reference in brackets.

    Raises:
        GridError: the text is no such reference.
    """
    name, bracket, rest = text.strip().partition("[")
    name = name.strip()
    if not NAME.fullmatch(name):
        raise GridError(f"{text!r} is not a plugin reference", "Write name or name[setting=value,setting=value].")
    if not bracket:
        return Ref(name)
    if not rest.endswith("]"):
        raise GridError(f"{text!r} lacks its closing bracket", "Write name[setting=value,setting=value].")
    settings: dict[str, str] = {}
    for part in _split(rest[:-1], text):
        key, equals, value = part.partition("=")
        key = key.strip()
        if not equals or not key or key in settings:
            problem = f"gives {key!r} twice" if key in settings else f"has {part!r} where setting=value is expected"
            raise GridError(f"{text!r} {problem}", "Write name[setting=value,setting=value].")
        settings[key] = value.strip().strip("\"'")
    return Ref(name, settings)


def _split(inner: str, whole: str) -> list[str]:
    """Cut at the commas that lie outside brackets."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(inner):
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append(inner[start:i])
            start = i + 1
    if depth != 0:
        raise GridError(f"{whole!r} has unbalanced brackets", "Close every [ with a ].")
    return [part for part in [*parts, inner[start:]] if part.strip()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "+".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
