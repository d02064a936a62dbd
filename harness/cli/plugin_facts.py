"""What the commands below ``harness plugins`` tell of a plugin, as plain values: from its spec, and its maturity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import click

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from harness.choice import Entry
    from harness.config import Config
    from harness.registry import Registry

Facts = dict[str, Any]


def all_facts(registry: Registry, kind: str | None, store: Path) -> list[Facts]:
    """One row a plugin, by kind and name; the broken ones, whose kind is not known, stand last."""
    from harness.specs import KINDS

    entries = [entry for each in (KINDS if kind is None else (kind,)) for entry in registry.entries(each)]
    names = [(entry.spec.kind, entry.spec.name) for entry in entries]
    clashing = {name for name in names if names.count(name) > 1}
    rows = [facts(e, store, (e.spec.kind, e.spec.name) in clashing) for e in entries]
    empty: Facts = {"kind": "", "version": "", "licence": "", "summary": "", "citation": ""}
    empty |= {"requires": [], "settings": [], "kit": None, "figures": []}
    broken = registry.broken if kind is None else []
    return [*rows, *({**empty, "name": b.name, "source": b.source, "status": f"broken: {b.error}"} for b in broken)]


def facts(entry: Entry, store: Path | None, clashing: bool = False) -> Facts:
    """What is known of a plugin; ``store`` holds what the kit found on this machine, None leaves that out."""
    from harness.maturity import standing

    spec = entry.spec
    clash = "clash: another plugin has this name" if clashing else ""
    return {
        "kind": spec.kind,
        "name": spec.name,
        "version": spec.version,
        "source": entry.source,
        "status": clash or (f"missing: {entry.missing}" if entry.missing else "ok"),
        "licence": spec.licence,
        "summary": spec.summary,
        "citation": spec.citation,
        "requires": list(spec.requires),
        "settings": list(spec.config.model_fields),
        **standing(entry, store).model_dump(mode="json"),
    }


def kit_text(kit: Facts | None) -> str:
    """Whether a plugin passes the kit, in a word or two."""
    if kit is None:
        return "not run"
    if kit["failed"]:
        return f"{kit['failed']} failed"
    return "passes" if kit["built"] else "in part"


def figure_text(figure: Facts) -> str:
    """R-1 in percent, with its interval where there is one."""
    r1 = figure["r1"]
    interval = "" if r1["low"] is None else f" [{100 * r1['low']:.1f}, {100 * r1['high']:.1f}]"
    return f"{100 * r1['value']:.1f}{interval}"


def settings(config: type[Config]) -> Iterator[Facts]:
    """Name, type, default and description of each setting."""
    for name, field in config.model_fields.items():
        told = field.description or ""
        yield {"name": name, "type": _type(field.annotation), "default": _default(field), "description": told}


def _default(field: FieldInfo) -> str | None:
    """The default as a grid writes it; None where the setting must be given."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return "+".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _type(annotation: Any) -> str:
    """A type as a reader of tables wants it: ``int``, ``a | b`` for words, ``float | none``."""
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if origin in (Union, UnionType):
        return " | ".join(map(_type, get_args(annotation)))
    if annotation is NoneType:
        return "none"
    return annotation.__name__ if isinstance(annotation, type) and origin is None else str(annotation)


def find(registry: Registry, name: str, kind: str | None) -> Entry:
    """The plugin of that name; its kind is inferred where no other kind has one of that name.

    Raises:
        UsageError: several kinds have a plugin of that name, or there is no such kind.
        PluginError: there is none, or there are two of one kind.
    """
    from harness.specs import KINDS

    kinds = tuple(KINDS) if kind is None else (checked_kind(kind),)
    found = [entry for each in kinds for entry in registry.entries(each) if entry.spec.name == name]
    if len(found) == 1:
        return found[0]
    if not found and kind is None:
        raise registry.unknown(name)
    shared = list(dict.fromkeys(entry.spec.kind for entry in found))
    if len(shared) > 1:
        options = " or ".join(f"--kind {each}" for each in shared)
        raise click.UsageError(f"{name!r} is the name of a {' and of a '.join(shared)}; add {options}.")
    return registry.find(kinds[0] if kind else shared[0], name)  # which says what is wrong


def checked_kind(kind: str) -> str:
    """The kind, if there is such a one. Raises BadParameter."""
    from harness.specs import KINDS

    if kind not in KINDS:
        raise click.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    return kind
