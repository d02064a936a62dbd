"""The generated half of a hook's page: its signature, the spec that it yields, the contract, what flows, who has it."""

from __future__ import annotations

import ast
import html
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEGIN = "<!-- generated: begin (`make pages` writes what stands between these two lines) -->"
END = "<!-- generated: end -->"
CONTRACTS = {
    "dataset": ("Dataset",),
    "backbone": ("Backbone",),
    "loss": ("Loss",),
    "segmenter": ("Segmenter",),
    "features": ("Features",),
    "matcher": ("Matcher", "BlockMatcher"),
    "fusion": ("Fusion",),
    "openset": ("OpenSetRule",),
}
FLOW = {
    "dataset": ("ImageTable",),
    "backbone": ("Preprocess",),
    "features": ("LocalFeatures",),
    "matcher": ("LocalFeatures", "PairMatches", "PackedFeatures", "PairSummary"),
    "fusion": ("Shortlist", "Ranking", "PairScores"),
    "openset": ("QueryScores", "QueryTruth"),
}
"""What a plugin of this kind is handed, or answers."""
HOMES = {"Iterable": "collections.abc", "Mapping": "collections.abc", "Any": "typing"}


def hooks() -> dict[str, str]:
    """Hook -> kind of plugin, empty for an observer; in the order in which hookspecs.py has them."""
    from harness import hookspecs
    from harness.registry import HOOKS

    kinds = {hook: kind for kind, hook in HOOKS.items()}
    names = [name for name in vars(hookspecs) if name.startswith("harness_")]
    return {name: kinds.get(name, "") for name in names}


def pages(folder: Path) -> dict[str, str]:
    """File name -> the page as it stands, with its generated part as it should be. A missing page is begun."""
    found = {}
    for hook, kind in hooks().items():
        path = folder / f"{hook}.md"
        text = path.read_text(encoding="utf-8") if path.is_file() else f"# {hook}\n\n{BEGIN}\n{END}\n"
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            raise SystemExit(f"{path}: it must hold one line each of\n{BEGIN}\n{END}")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        found[path.name] = f"{before}{BEGIN}\n\n" + "\n\n".join(_parts(hook, kind)) + f"\n\n{END}{after}"
    return found


def _parts(hook: str, kind: str) -> Iterator[str]:
    from harness import hookspecs

    function = getattr(hookspecs, hook)
    yield "## Signature"
    yield f"```python\n{_signature(function)}\n```"
    yield _prose(function.__doc__)
    if kind:
        yield from _spec(kind)
        yield from _contracts(kind)
        yield from _flow(kind)
        yield from _in_tree(kind)


def _signature(function: Any) -> str:
    """The function with an empty body, below the imports that its annotations need: it runs as it stands."""
    tree = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    head = f"def {tree.name}({ast.unparse(tree.args)}) -> {ast.unparse(tree.returns)}: ..."
    names = sorted(
        {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"hookspec", *dir(__builtins__)}
    )
    homes: dict[str, list[str]] = {}
    for name in (name for name in names if name in HOMES or name.endswith("Spec")):
        homes.setdefault(HOMES.get(name, "harness"), []).append(name)
    lines = [f"from {home} import {', '.join(homes[home])}" for home in sorted(homes)]
    return "\n".join([*lines, "", head] if lines else [head])


def _spec(kind: str) -> Iterator[str]:
    from harness.specs import KINDS, Spec

    spec = KINDS[kind]
    yield f"## What it yields: `{spec.__name__}`"
    yield _prose(spec.__doc__)
    meanings = _attributes(Spec)
    own, base = _fields(spec), _fields(Spec)
    rows = [
        f"| `{n}` | {_code(t)} | {_code(d) or 'required'} | {meanings.get(n, 'see above')} |"
        for n, (t, d) in {**base, **own}.items()
    ]
    yield "| field | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)


def _fields(cls: type) -> dict[str, tuple[str, str]]:
    """Field -> (type, default) of a class's own body, as they are written there."""
    body = ast.parse(inspect.getsource(cls)).body[0].body  # type: ignore[attr-defined]
    return {
        node.target.id: (ast.unparse(node.annotation), ast.unparse(node.value) if node.value else "")
        for node in body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "ClassVar" not in ast.unparse(node.annotation)
    }


def _attributes(cls: type) -> dict[str, str]:
    """Name -> meaning, of the ``Attributes:`` of a docstring."""
    listed = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", listed, re.MULTILINE | re.DOTALL)
    return {name: _line(meaning) for name, meaning in entries}


def _contracts(kind: str) -> Iterator[str]:
    from harness import contracts

    for name in CONTRACTS[kind]:
        contract = getattr(contracts, name)
        tree = ast.parse(inspect.getsource(contract)).body[0]
        assert isinstance(tree, ast.ClassDef)
        yield f"## What `build` makes: `{name}`" if name == CONTRACTS[kind][0] else f"## Or, for speed: `{name}`"
        yield _prose(contract.__doc__)
        for attribute, (annotation, _) in _fields(contract).items():
            yield f"**`{attribute}: {annotation}`**"
        for method in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
            head = f"{method.name}({ast.unparse(method.args).removeprefix('self').removeprefix(', ')})"
            yield f"**`{head} -> {ast.unparse(method.returns)}`**"  # type: ignore[arg-type]
            yield _prose(ast.get_docstring(method))


def _flow(kind: str) -> Iterator[str]:
    import harness

    if kind in FLOW:
        yield "## What flows"
    for name in FLOW.get(kind, ()):
        yield f"**`{name}`**"
        yield _prose(getattr(harness, name).__doc__)


def _in_tree(kind: str) -> Iterator[str]:
    from harness.registry import Registry

    entries = [entry for entry in Registry.load().entries(kind) if entry.source.startswith("in-tree")]
    yield f"## Who has it\n\nIn-tree, `harness plugins list --kind {kind}`:"
    rows = [f"| `{e.spec.name}` | `plugins/{e.source.split()[1]}.py` | {_line(e.spec.summary)} |" for e in entries]
    yield "| name | file | what |\n|---|---|---|\n" + "\n".join(rows)


def _code(text: str) -> str:
    """Code inside a table, where a bar would end the cell in spite of backticks."""
    if "|" in text:
        return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"
    return f"`{text}`" if text else ""


def _prose(docstring: str | None) -> str:
    """A docstring as Markdown: its paragraphs, and its sections (``Attributes:``) as lists."""
    parts = []
    for part in inspect.cleandoc(docstring or "").split("\n\n"):
        head, _, rest = part.partition("\n")
        if re.fullmatch(r"(Attributes|Raises|Args):", head):
            entries = re.split(r"\n(?=    \S)", "\n" + rest)
            parts.append(f"{head}\n\n" + "\n".join(f"- {_entry(entry)}" for entry in entries if entry.strip()))
        else:
            parts.append(_line(part))
    return "\n\n".join(parts)


def _entry(text: str) -> str:
    named = re.match(r"\s*(\w+(?:, \w+)*): ", text)
    if not named:
        return _line(text)
    names = ", ".join(f"`{name}`" for name in named[1].split(", "))
    return f"{names}: {_line(text[named.end() :])}"


def _line(text: str) -> str:
    """Docstring words on one line: roles and double backticks become code, and Markdown's own signs are escaped."""
    plain = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"``\1``", " ".join(text.split()))
    pieces = re.split(r"(``.*?``)", plain)
    return "".join(
        p[1:-1] if p.startswith("``") else re.sub(r"([_<|\[\]]|(?<!\*)\*(?!\*))", r"\\\1", p) for p in pieces
    )
