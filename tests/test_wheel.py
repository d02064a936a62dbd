"""The wheel: built from a clean copy, installed beside light packages only, it lists its plugins anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.fingerprint import _closure, _imports, _package, _source
from harness.registry import Registry
from harness.specs import KINDS

ROOT = Path(__file__).resolve().parents[1]
LIGHT = ("click", "filelock", "numpy", "platformdirs", "pluggy", "pydantic", "rich", "safetensors")
HEAVY = ("torch", "torchvision", "timm", "kornia", "cv2", "pandas", "sklearn", "scipy", "pytorch_metric_learning")

pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{words} gave {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def clean_copy(target: Path) -> Path:
    """What git would keep; a build folder of an earlier time would end in the wheel."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so there is no list of the files that belong to the project")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.split("\0")
    for name in listed:
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = clean_copy(folder / "source")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", ".", cwd=source)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel and the light packages."""
    folder = tmp_path_factory.mktemp("environment")
    probe = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "1", "--dest", str(folder / "probe")]
    reached = subprocess.run([*probe, "pluggy"], cwd=folder, capture_output=True, text=True, timeout=600)
    if reached.returncode:
        pytest.skip(f"pip reaches no registry: {reached.stderr.strip().splitlines()[-1]}")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    light = [text for text in wanted if text.partition(">=")[0] in LIGHT]
    assert len(light) == len(LIGHT)
    run(*pip, *light, cwd=folder)
    run(*pip, "--no-deps", wheel, cwd=folder)
    return python


@pytest.fixture(scope="module")
def rows(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = run(installed.parent / "harness", "plugins", "list", "--json", cwd=elsewhere)
    listed = json.loads(done.stdout)
    assert [row for row in listed if row["status"].startswith("broken")] == []
    assert done.stderr == ""
    return {(row["kind"], row["name"]): row for row in listed}


def test_the_wheel_holds_every_module_and_grid_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {f"harness/{p.relative_to(ROOT / 'harness')}" for p in (ROOT / "harness").rglob("*.py")}
    wanted |= {f"harness_plugins/{p.relative_to(ROOT / 'plugins')}" for p in (ROOT / "plugins").rglob("*.py")}
    wanted |= {f"harness/grids/{p.name}" for p in (ROOT / "harness" / "grids").glob("*.toml")}
    assert any(name.startswith("harness/grids/") for name in wanted)
    assert wanted - names == set()
    assert {name for name in names if name.startswith("tests") or "build" in name.split("/")} == set()
    assert "harness/py.typed" in names


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        assert "License-Expression: Apache-2.0" in archive.read(metadata).decode()
        assert any(name.endswith("LICENSE") for name in archive.namelist())


def test_all_in_tree_plugins_are_listed_from_another_folder(rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    registry = Registry.load()
    here = {(k, e.spec.name) for k in KINDS for e in registry.entries(k) if e.source.startswith("in-tree")}
    assert set(rows) == here
    assert all(row["source"].startswith("in-tree") for row in rows.values())


def test_a_plugin_that_lacks_its_packages_says_what_to_install(rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    registry, unsaid = Registry.load(), []
    for kind in KINDS:
        for entry in registry.entries(kind):
            status, uses = rows[kind, entry.spec.name]["status"], heavy_imports(entry.module)
            if uses and not status.startswith("missing: pip install "):
                unsaid.append((kind, entry.spec.name, sorted(uses), status))
    assert unsaid == []
    assert "timm" in rows["backbone", "timm"]["status"]
    assert rows["fusion", "replace"]["status"] == "ok"


def heavy_imports(module: str) -> set[str]:
    """Heavy packages that a plugin and its siblings import, at whatever depth."""
    import ast

    found: set[str] = set()
    for name in _closure(module):
        if name.startswith("harness_plugins."):
            imported = _imports(ast.parse(_source(name) or ""), _package(name))
            found |= {text.partition(".")[0] for text in imported} & set(HEAVY)
    return found
