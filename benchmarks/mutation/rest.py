"""Mutants of what mutmut leaves alone: numbers beside functions, and functions with a decorator.

    python benchmarks/mutation/rest.py HARNESS TESTS [MODULE ...]     # folders of a clone: files are changed in place

Each mutant is a line on the terminal: killed or SURVIVED, and the change.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

ROOMS = ("metrics", "stages")
SECONDS = 120
"""After which a mutant counts as killed."""


def unreached(node: cst.CSTNode, function: bool = False, decorated: bool = False) -> Iterator[cst.CSTNode]:
    """The nodes below one that mutmut leaves as they are."""
    if isinstance(node, cst.Annotation | cst.BaseString):
        return
    if isinstance(node, cst.FunctionDef):
        function, decorated = True, decorated or (bool(node.decorators) and not is_classmethod(node))
    if decorated or (isinstance(node, cst.BaseNumber) and not function):
        yield node
    for child in node.children:
        yield from unreached(child, function, decorated)


def is_classmethod(node: cst.FunctionDef) -> bool:
    return any(isinstance(d.decorator, cst.Name) and d.decorator.value == "classmethod" for d in node.decorators)


def mutants(source: str) -> Iterator[tuple[int, str]]:
    """(line, mutated source) of each mutant."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    lines = wrapper.resolve(PositionProvider)
    for node in unreached(wrapper.module):
        for kind, change in mutation_operators:
            for other in change(node) if isinstance(node, kind) else ():
                yield lines[node].start.line, wrapper.module.deep_replace(node, other).code  # type: ignore[union-attr]


def survives(tests: list[str]) -> bool:
    """Whether the tests pass, run in a process of their own that has numpy and torch at once."""
    pid = os.fork()
    if not pid:
        import pytest

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *tests])))
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def tests_of(path: Path, folder: Path) -> list[str]:
    """What is run for a module: all tests of metrics, which are quick; of a stage the files that name it."""
    found = sorted((folder / path.parent.name).glob("test_*.py"), key=lambda test: (test.stem != "test_numbers", test))
    if path.parent.name == "stages":
        found = [test for test in found if f".{path.stem} " in test.read_text()]
    slow = [] if path.stem == "launch" else ["-m", "not slow"]
    return [*map(str, found), *slow]


def main() -> None:
    """Change, test and mend one file after the other."""
    sys.dont_write_bytecode = True
    harness, tests = map(Path, sys.argv[1:3])
    sys.path.insert(0, str(harness.parent))
    import scipy.stats  # noqa: F401 - imported once, for all mutants
    import sklearn.linear_model  # noqa: F401
    import torch  # noqa: F401

    paths = [path for room in ROOMS for path in sorted((harness / room).glob("*.py"))]
    for path in (path for path in paths if path.stem in sys.argv[3:] or not sys.argv[3:]):
        source, chosen = path.read_text(), tests_of(path, tests)
        for line, code in mutants(source):
            path.write_text(code)
            try:
                told = "SURVIVED" if survives(chosen) else "killed"
            finally:
                path.write_text(source)
            new = code.splitlines()[line - 1].strip()
            print(told, f"{path.relative_to(harness.parent)}:{line}", source.splitlines()[line - 1].strip(), "=>", new)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
