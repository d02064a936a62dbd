"""Words for what a plugin gives: short, right in their article, and only where the plugin is to blame."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from harness.contracts import Backbone, Matcher
from harness.testing import given
from harness.types import PairMatches


@pytest.mark.parametrize(("value", "words"), [([], "a list"), (1, "an int"), (None, "None"), (1.5, "a float")])
def test_a_type_has_its_article(value: Any, words: str) -> None:
    assert given.a(value) == words


def test_what_is_lacking_is_named_as_it_is_written() -> None:
    assert given.lacking(object(), Matcher) == ["match()"]
    assert sorted(given.lacking(object(), Backbone)) == ["module()", "preprocess"]


def test_a_list_of_the_right_things_is_given_back() -> None:
    arrays = [np.zeros(1)]
    assert given.listed(arrays, np.ndarray, 1, "segment()", "image") is arrays
    with pytest.raises(AssertionError, match=r"must give a numpy array for each image; image 0 is an int"):
        given.listed([1], np.ndarray, 1, "segment()", "image")


def test_an_array_of_another_dtype_says_how_to_mend_it() -> None:
    given.array(np.zeros(1), "scores")
    with pytest.raises(AssertionError, match=r"scores must be float32, is float64: use .astype\('float32'\)"):
        given.array(np.zeros(1), "scores", np.float32)


def test_a_list_for_an_array_is_told_and_another_error_passes_through() -> None:
    nothing: Any = []
    with pytest.raises(AssertionError, match="indices must be a numpy array, is a list"), given.no_lists():
        PairMatches(nothing, np.zeros(0, np.float32), np.zeros(0, bool))
    with pytest.raises(AttributeError, match="'int' object"), given.no_lists():
        (1).shape  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_printed_is_seen_wherever_it_comes_from() -> None:
    assert given.printed(lambda: None) == ""
    assert given.printed(lambda: print("hello")) == "hello\n"
    assert given.printed(lambda: os.write(1, b"hello")) == "hello"
    words = [sys.executable, "-c", "print('hello')"]
    assert given.printed(lambda: subprocess.run(words, check=True)) == "hello\n"
    assert given.printed(lambda: print("hello", file=sys.stderr)) == ""


def test_an_error_while_printing_leaves_stdout_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        given.printed(lambda: 1 / 0)
    print("after")
    os.write(1, b"below")
    assert "after" in (told := capfd.readouterr().out)
    assert "below" in told
