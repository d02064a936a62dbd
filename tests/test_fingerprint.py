"""Keys: what changes the hash of code and of values, and what does not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import PluginError
from harness.fingerprint import canonical, code_hash, digest, digest_texts

Hash = Callable[..., str]

MAIN = '''
"""A module."""
from ._near import helper


def run(x: int) -> int:
    """Double it."""
    # twice
    return helper(x) * 2
'''
NEAR = "from . import _far\n\n\ndef helper(x):\n    return _far.deep(x)\n"
FAR = "def deep(x):\n    return x\n"
ALONE = "VALUE = 1\n"


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hash]:
    """The code hash of ``box.main`` in a package where some files have other texts."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "box"
    package.mkdir()

    def compute(module: str = "box.main", **texts: str) -> str:
        files = {"__init__": "", "main": MAIN, "_near": NEAR, "_far": FAR, "_alone": ALONE, **texts}
        for name, text in files.items():
            (package / f"{name}.py").write_text(text)
        code_hash.cache_clear()
        return code_hash(module)

    yield compute
    code_hash.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "box"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "text",
    [
        MAIN.replace("# twice", "# two times, that is"),
        MAIN.replace('"""Double it."""\n', ""),
        MAIN.replace('"""A module."""', '"""Another text."""'),
        MAIN.replace("return helper(x) * 2", "return (\n        helper(x)\n        * 2\n    )"),
        "\n\n" + MAIN + "\n\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(hashed: Hash, text: str) -> None:
    assert hashed(main=text) == hashed()


@pytest.mark.parametrize(
    "text",
    [
        MAIN.replace("* 2", "* 3"),
        MAIN.replace("x: int", "y: int"),
        MAIN.replace("def run", "def walk"),
        MAIN.replace("return helper", '"""Not at the head."""; return "text" and helper'),
    ],
)
def test_code_counts(hashed: Hash, text: str) -> None:
    assert hashed(main=text) != hashed()


def test_siblings_count_however_deep_and_only_those_that_are_imported(hashed: Hash) -> None:
    assert hashed(_near=NEAR.replace("deep(x)", "deep(x + 1)")) != hashed()
    assert hashed(_far=FAR.replace("return x", "return -x")) != hashed()
    assert hashed(_alone="VALUE = 2\n") == hashed()


@pytest.mark.parametrize(
    "line", ["    from . import _alone\n", "    from ._alone import VALUE\n", "    import box._alone\n"]
)
def test_a_sibling_imported_inside_a_function_counts(hashed: Hash, line: str) -> None:
    main = MAIN.replace("    # twice\n", line)
    assert hashed(main=main, _alone="VALUE = 2\n") != hashed(main=main)


def test_two_siblings_that_swap_their_code_are_noticed(hashed: Hash) -> None:
    main = "from . import _near, _far\n"
    assert hashed(main=main, _near="A = 1\n", _far="A = 2\n") != hashed(main=main, _near="A = 2\n", _far="A = 1\n")


def test_a_package_may_declare_its_plugin_in_its_own_init(hashed: Hash) -> None:
    init = "from .main import run\n"
    assert hashed("box", __init__=init) != hashed("box", __init__=init, _far=FAR.replace("return x", "return -x"))


def test_code_that_cannot_be_read_is_an_error_not_a_constant() -> None:
    with pytest.raises(PluginError, match="source of no_such_module cannot be read"):
        code_hash("no_such_module")
    with pytest.raises(PluginError, match="source of math"):
        code_hash("math")


def test_a_stage_counts_its_siblings_and_not_the_rest_of_the_core() -> None:
    from harness.fingerprint import _closure

    closure = _closure("harness.stages.train")
    assert {"harness.stages.train", "harness.stages.embed"} <= closure
    assert not {"harness.types", "harness.errors", "harness.store"} & closure
    assert _closure("harness.images") == {"harness.images"}


def test_canonical_json_knows_no_order_and_no_space() -> None:
    assert (
        canonical({"b": [1, 2.5, None], "a": {"y": "ü", "x": True}})
        == '{"a":{"x":true,"y":"\\u00fc"},"b":[1,2.5,null]}'
    )
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5}) != digest({"a": "1.5"})
    assert digest([1, 2]) != digest([2, 1])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("nan")]}])
def test_canonical_json_refuses_nan(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", Path(), object()])
def test_canonical_json_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_columns_of_text_do_not_collide() -> None:
    tables = [
        [["a", "b"], ["c"]],
        [["a"], ["b", "c"]],
        [["ab"], ["c"]],
        [["a", "b", "c"]],
        [["a", "b"], ["c", ""]],
        [["a", "b"], ["c"], []],
        [["a\x1fb"], ["c"]],
        [["a", "b\x1d"], ["c"]],
        [["1:a", "b"], ["c"]],
        [],
    ]
    assert len({digest_texts(table) for table in tables}) == len(tables)
    assert digest_texts([["\udcff"]]) != digest_texts([["\udcfe"]])  # file names that are no UTF-8
