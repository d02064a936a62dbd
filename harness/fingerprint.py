"""Keys: canonical JSON of everything that decides a result, and the hash of the code that computes it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.errors import PluginError

DECIDING_CORE = ("harness.images", "harness.weights")
"""Core modules outside the stages whose code decides results (decoding, weight loading)."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; raises TypeError / ValueError for what JSON cannot hold (NaN too)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def digest_texts(columns: Iterable[Iterable[str]]) -> str:
    """SHA-256 over columns of text; each carries its length, so no two tables collide by concatenation."""
    state = hashlib.sha256()
    for column in columns:
        texts = [text.encode("utf-8", "surrogatepass") for text in column]
        state.update(b"column %d;" % len(texts))
        for text in texts:
            state.update(b"%d:" % len(text) + text)
    return state.hexdigest()


@lru_cache(maxsize=512)
def code_hash(module_name: str) -> str:
    """Hash of a module's code and of the siblings that it imports; comments, docstrings and layout do not count.

    The module's own name does not count either, so a trial file keeps its results when it moves in tree.

    Raises:
        PluginError: there is no Python source to read.
    """
    if _source(module_name) is None:
        problem = f"the Python source of {module_name} cannot be read, and results are keyed by it"
        raise PluginError(problem, "Declare the plugin in a .py file that ships with it.")
    state = hashlib.sha256(_normalised(module_name).encode())
    for name in sorted(_closure(module_name) - {module_name}):
        state.update(name.rpartition(".")[2].encode())
        state.update(_normalised(name).encode())
    return state.hexdigest()


def _closure(module_name: str) -> set[str]:
    """The module with everything of its own package, or of the deciding core, that it imports, however deep."""
    home = _home(module_name)
    todo, seen = [module_name], set()
    while todo:
        name = todo.pop()
        source = None if name in seen else _source(name)
        if source is None:
            continue
        seen.add(name)
        if name in DECIDING_CORE and name != module_name:
            continue  # what it takes from the core (errors, types) decides nothing
        imported = _imports(ast.parse(source), _package(name))
        todo.extend(m for m in imported if m in DECIDING_CORE or (home and f"{m}.".startswith(f"{home}.")))
    return seen


def _home(module_name: str) -> str:
    """The package whose modules count as siblings: the folder for our own modules, all of a foreign package."""
    top = module_name.partition(".")[0]
    own = top in ("harness", "harness_plugins") or top == module_name
    package = _package(module_name) if own else top
    return "" if package == "harness" else package  # modules at the core's top are no siblings


def _package(module_name: str) -> str:
    """The package that relative imports start from: the module itself where it is an ``__init__.py``."""
    origin = _origin(module_name)
    return module_name if origin and origin.name == "__init__.py" else module_name.rpartition(".")[0]


def _imports(tree: ast.AST, package: str) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                if node.level
                else node.module
            )
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _origin(module_name: str) -> Path | None:
    origin = getattr(sys.modules.get(module_name), "__file__", None)
    if origin is None:
        try:
            found = importlib.util.find_spec(module_name)
        except (ImportError, ValueError):
            return None
        origin = found.origin if found else None
    return Path(origin) if origin else None


def _source(module_name: str) -> str | None:
    path = _origin(module_name)
    return path.read_text(encoding="utf-8") if path and path.suffix == ".py" and path.is_file() else None


def _normalised(module_name: str) -> str:
    tree = ast.parse(_source(module_name) or "")
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and body
            and _is_text(body[0])
        ):
            node.body = body[1:]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
