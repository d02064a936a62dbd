"""Shared by all tests: an isolated environment, a command-line runner, and a herd small enough for seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import HERD, SMALL

# Several test processes share few cores: threads that wait for each other at every layer cost more than they give.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's store, the network's hubs, or a GPU."""
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HARNESS_STORE_CACHE", str(tmp_path / "mirrors"))
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    monkeypatch.setenv("HARNESS_DEVICE", "cpu")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the small herd is drawn and nothing else is computed."""
    from harness.data import prepare
    from harness.registry import Registry
    from harness.store import Store

    store = Store(tmp_path_factory.mktemp("drawn"))
    prepare(Registry.load().resolve("dataset", HERD), store)
    return store.root


@pytest.fixture
def small_grid(tmp_path: Path) -> Path:
    """A grid of four cells that runs in seconds."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def harness(tmp_path: Path, drawn: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``harness ...`` as a user does, in a process of its own, with ``tmp_path`` as the current folder."""

    shutil.copytree(drawn, tmp_path / "store")

    def run(*words: str | Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from harness.cli import main; main()", *map(str, words)]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600
        )
        assert not check or done.returncode == 0, f"{words} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def rows(harness: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., list[dict[str, Any]]]:
    """Run ``harness ... --json`` and read what it prints."""

    def run(*words: str | Path, **environment: str) -> list[dict[str, Any]]:
        read: list[dict[str, Any]] = json.loads(harness(*words, "--json", **environment).stdout)
        return read

    return run
