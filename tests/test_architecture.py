"""The floors of the house: no import runs upward or in a circle, and every room has its floor."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).resolve().parents[1]

# From top to bottom. A module may import from its own floor and from those below it. A folder such as ``cli`` stands
# for all of its modules. The same table, with what belongs where, is in docs/architecture.md.
FLOORS: tuple[tuple[str, str], ...] = (
    ("command line", "cli __main__"),
    ("showing", "report"),
    ("running", "runner jobs plan calibrate testing"),
    (
        "one cell",
        "pipeline reranking global_stages local_stages describing looking looking_matches matching matcher_trainer "
        "replay",
    ),
    (
        "grid and keys",
        "data scoring views references keys effort expected cell combinations grid sweep results leaderboard trace "
        "compare guard maturity",
    ),
    (
        "rooms",
        "registry choice settings discovery protocol splits disk store parts collection pairs pair_parts pair_table "
        "workbench housekeeping timings progress stages metrics audit contamination predictions prediction_file "
        "animalclef digests fingerprint refs record provenance images weights features_reader masks matcher_training "
        "device stopwatch scaffold declared executors remote remote_checkpoint lease objects",
    ),
    ("what a plugin author imports", "__init__"),
    ("hooks", "hookspecs"),
    ("specs", "specs"),
    ("contracts", "contracts"),
    ("objects", "types answers packed table config"),
    ("errors", "errors"),
)
FOR_PLUGINS = {
    "harness",
    "harness.errors",
    "harness.types",
    "harness.answers",
    "harness.packed",
    "harness.images",
    "harness.weights",
    "harness.device",
}
NOT_FOR_STAGES = {
    "cli",
    "registry",
    "discovery",
    "store",
    "parts",
    "collection",
    "pairs",
    "pair_parts",
    "pair_table",
    "workbench",
    "protocol",
    "keys",
    "grid",
    "runner",
}


def modules(folder: str, package: str) -> dict[str, Path]:
    """Dotted name -> file, of every module below a folder."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


CORE, PLUGINS = modules("harness", "harness"), modules("plugins", "harness_plugins")


def type_checking_only(tree: ast.AST) -> set[ast.AST]:
    """Everything inside the body of ``if TYPE_CHECKING``: it is never run."""
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    return {inner for guard in guards for statement in guard.body for inner in ast.walk(statement)}


def imports(source: str, package: str, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of every import in a source, those inside functions too."""
    tree = ast.parse(source)
    skipped = type_checking_only(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            for alias in node.names:  # ``from harness import hookspecs`` imports a module, ``... import Config`` a name
                yield (f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base), node.lineno


def imports_of(name: str, known: dict[str, Path]) -> list[tuple[str, int]]:
    path = known[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return list(imports(path.read_text(encoding="utf-8"), package, known))


def floor(name: str) -> int | None:
    """How far down a module lives, None where it has no floor."""
    room = [*name.split("."), "__init__"][1]
    return next((level for level, (_, rooms) in enumerate(FLOORS) if room in rooms.split()), None)


@pytest.mark.parametrize("name", CORE)
def test_every_module_has_a_floor(name: str) -> None:
    assert floor(name) is not None, (
        f"{name} has no floor: add it to FLOORS in tests/{Path(__file__).name} and to the table in "
        "docs/architecture.md, as low as its imports allow"
    )


def test_no_room_is_on_two_floors() -> None:
    rooms = [room for _, names in FLOORS for room in names.split()]
    assert len(rooms) == len(set(rooms))


@pytest.mark.parametrize("name", CORE)
def test_no_import_runs_upward(name: str) -> None:
    here = floor(name)
    for target, line in imports_of(name, CORE):
        there = floor(target) if target in CORE else None
        if here is None or there is None:
            continue
        assert here <= there, (
            f"{CORE[name].relative_to(ROOT)}:{line}: {name} ({FLOORS[here][0]}) imports {target}, "
            f"which lives above it ({FLOORS[there][0]})"
        )


def test_there_is_no_import_circle() -> None:
    graph = {name: {target for target, _ in imports_of(name, CORE) if target in CORE} - {name} for name in CORE}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import circle: {' -> '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_no_plugin(name: str) -> None:
    wrong = [
        f"line {line}: {target}" for target, line in imports_of(name, CORE) if target.startswith("harness_plugins")
    ]
    assert not wrong, f"{name} imports a plugin; it is the registry that finds them: {wrong}"


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_sees_public_names_and_its_own_siblings(name: str) -> None:
    package = name if PLUGINS[name].name == "__init__.py" else name.rpartition(".")[0]
    for target, line in imports_of(name, PLUGINS | CORE):
        where = f"{PLUGINS[name].relative_to(ROOT)}:{line}"
        if target.split(".")[0] == "harness":
            assert target in FOR_PLUGINS, f"{where}: {target} is not for plugins; these are: {sorted(FOR_PLUGINS)}"
        if target.split(".")[0] == "harness_plugins":
            assert f"{target}.".startswith(f"{package}."), f"{where}: {target} is no sibling of {name}"


@pytest.mark.parametrize("name", PLUGINS)
def test_what_a_plugin_takes_from_the_harness_is_public(name: str) -> None:
    tree = ast.parse(PLUGINS[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "harness":
            private = {alias.name for alias in node.names} - set(harness.__all__)
            assert not private, f"{name}:{node.lineno}: not in harness.__all__: {sorted(private)}"


@pytest.mark.parametrize("name", [name for name in CORE if name.startswith("harness.stages.")])
def test_stages_are_pure(name: str) -> None:
    rooms = {target.split(".")[1] for target, _ in imports_of(name, CORE) if target.startswith("harness.")}
    assert not rooms & NOT_FOR_STAGES, f"{name} is handed what it needs; it imports {rooms & NOT_FOR_STAGES}"


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    listed = set(settings["packages"])
    there = {name for name, path in (CORE | PLUGINS).items() if path.name == "__init__.py"}
    assert listed == there, f"[tool.setuptools] packages in pyproject.toml: {sorted(listed ^ there)}"
    bare = {path.parent for path in (CORE | PLUGINS).values() if not (path.parent / "__init__.py").is_file()}
    assert not bare, f"folders without __init__.py: {sorted(str(path.relative_to(ROOT)) for path in bare)}"


SOURCE = """
from typing import TYPE_CHECKING
import harness.store
from harness import hookspecs, Config
from .ties import order
if TYPE_CHECKING:
    from harness.cli import main
else:
    from harness import runner
def late():
    from harness.registry import Registry
"""


def test_the_reader_of_imports_sees_each_kind() -> None:
    found = {target for target, _ in imports(SOURCE, "harness.stages", CORE)}
    expected = {"typing", "store", "hookspecs", "stages.ties", "runner", "registry"}
    assert found == {"harness", *(name if name == "typing" else f"harness.{name}" for name in expected)}
