"""Runs a contract on a plugin that is given as source, in this process; for plugins that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testing.wrong import ALL, Wrong

from harness.testing import CONTRACTS

SLOW = "test_declaring_imports_nothing_heavy"
"""Starts a process; run only where it is what must fail."""


Run = Callable[..., dict[str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run(kind, source, **members)``: test -> "" where it passed, else how it ended and why."""

    def runs(kind: str, source: str, slow: bool = False, **members: Any) -> dict[str, str]:
        path = tmp_path / "mine.py"
        path.write_text(source, encoding="utf-8")
        members = {"plugin": "mine", "files": (str(path),), "__module__": __name__, **members}
        if kind == "dataset":
            members["folder"] = tmp_path / "data"
            members["folder"].mkdir()
        contract = type("TestMine", (CONTRACTS[kind],), members)
        tests = [name for name in dir(contract) if name.startswith("test_") and (slow or name != SLOW)]
        assert tests, "a contract without a test"
        return {name: _ended(contract(), name) for name in tests}

    return runs


def _ended(instance: Any, name: str) -> str:
    try:
        getattr(instance, name)()
    except pytest.skip.Exception as reason:
        return f"skipped: {reason}"
    except (Exception, pytest.fail.Exception) as error:
        return f"failed: {error}"
    return ""


@pytest.fixture
def catches(run: Run) -> Callable[..., None]:
    """``catches(kind, right, wrong)``: the tests meant for it fail, and no others."""

    def check(kind: str, right: str, wrong: Wrong, **members: Any) -> None:
        assert wrong.old in right, "nothing would be made wrong"
        found = run(kind, right.replace(wrong.old, wrong.new), SLOW in wrong.caught, **members)
        failed = {name: text for name, text in found.items() if text.startswith("failed")}
        assert wrong.caught <= set(failed), f"not caught by {wrong.caught - set(failed)}; failed: {failed}"
        assert wrong.too == ALL or set(failed) <= wrong.caught | wrong.too, f"others fail, too: {failed}"

    return check


@pytest.fixture
def passes(run: Run) -> Callable[..., dict[str, str]]:
    """``passes(kind, source)``: no test fails; gives those that were skipped."""

    def check(kind: str, source: str, **members: Any) -> dict[str, str]:
        found = run(kind, source, slow=True, **members)
        failed = {name: text for name, text in found.items() if text.startswith("failed")}
        assert not failed, failed
        return {name: text for name, text in found.items() if text}

    return check
