"""Under which licences a row's plugins and weights stand, as the plugins that are installed here declare them."""

from __future__ import annotations

import re

from harness.errors import PluginError
from harness.record import RunRecord
from harness.registry import Registry

AXES = {"backbone": "backbone", "matcher": "matcher", "features": "features"}
"""Part of a record's ``plugins`` -> kind of plugin; the parts whose weights may not be free."""
UNKNOWN = "not installed here"
RESTRICTED = re.compile(r"(\bCC[ -]BY-NC(?:-\w+)*(?: \d\.\d)?|\bnon-?commercial\b)", re.IGNORECASE)
"""What in a licence says that money may not be made with it."""


def licences(record: RunRecord, registry: Registry) -> dict[str, str]:
    """Plugin -> its licence, of those that can carry weights; empty for rows that no plugin made."""
    found = {}
    for axis, kind in AXES.items():
        name = record.plugins.get(axis, {}).get("name")
        if name:
            found[str(name)] = _licence(kind, str(name), registry)
    return found


def pieces(licence: str) -> list[tuple[str, bool]]:
    """The text of a licence in pieces, each with whether it forbids commercial use."""
    return [(text, bool(place % 2)) for place, text in enumerate(RESTRICTED.split(licence)) if text]


def _licence(kind: str, name: str, registry: Registry) -> str:
    try:
        return registry.find(kind, name).spec.licence or "not declared"
    except PluginError:
        return UNKNOWN
