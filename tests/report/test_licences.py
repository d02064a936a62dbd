"""Licences of a row's plugins, as they are declared."""

from __future__ import annotations

from rows import record

from harness.registry import Registry
from harness.report.licences import UNKNOWN, licences


def test_plugins_with_weights_are_told_with_their_licence() -> None:
    named = {
        axis: {"name": name} for axis, name in (("backbone", "timm"), ("matcher", "lightglue"), ("loss", "arcface"))
    }
    found = licences(record("a", plugins=named), Registry.load())
    assert set(found) == {"timm", "lightglue"}
    assert "Apache-2.0" in found["lightglue"]
    assert "CC BY-NC" in found["timm"], "what may not be sold is seen"


def test_a_plugin_that_is_not_here_is_told() -> None:
    gone = {"backbone": {"name": "no-such-net"}}
    assert licences(record("a", plugins=gone), Registry.load()) == {"no-such-net": UNKNOWN}
    assert licences(record("a"), Registry.load()) == {}
