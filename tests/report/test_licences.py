"""Licences of a row's plugins, as they are declared."""

from __future__ import annotations

import pytest
from rows import record

from harness.registry import Registry
from harness.report.licences import UNKNOWN, licences, pieces


def test_plugins_with_weights_are_told_with_their_licence() -> None:
    named = {
        axis: {"name": name} for axis, name in (("backbone", "timm"), ("matcher", "lightglue"), ("loss", "arcface"))
    }
    found = licences(record("a", plugins=named), Registry.load())
    assert set(found) == {"timm", "lightglue"}
    assert "Apache-2.0" in found["lightglue"]
    assert "CC BY-NC" in found["timm"], "what may not be sold is seen"


@pytest.mark.parametrize("words", ["CC BY-NC 4.0", "CC-BY-NC-SA 4.0", "CC BY-NC-ND", "non-commercial", "NonCommercial"])
def test_what_forbids_commercial_use_is_told_apart(words: str) -> None:
    assert pieces(f"MIT; weights {words}, no more") == [("MIT; weights ", False), (words, True), (", no more", False)]
    assert pieces(words) == [(words, True)]


@pytest.mark.parametrize("text", ["Apache-2.0", "CC BY 4.0", "not declared", "NCSA"])
def test_what_may_be_sold_has_no_mark(text: str) -> None:
    assert pieces(text) == [(text, False)]


def test_a_plugin_that_is_not_here_is_told() -> None:
    gone = {"backbone": {"name": "no-such-net"}}
    assert licences(record("a", plugins=gone), Registry.load()) == {"no-such-net": UNKNOWN}
    assert licences(record("a"), Registry.load()) == {}
