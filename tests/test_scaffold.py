"""``harness plugins new``: what it writes is found, passes the conformance kit as it is, and hides nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness import scaffold
from harness.errors import HarnessError, PluginError
from harness.registry import Registry
from harness.scaffold import FOLDERS, Named
from harness.specs import KINDS

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "harness" / "template"


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    """The output of ``python ...`` in a process of its own; it must succeed."""
    command = [sys.executable, *map(str, words)]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=cwd, env={**alone, **environment}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{words} gave {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def harness_at(folder: Path, *words: str, **environment: str) -> str:
    return run("-c", "from harness.cli import main; main()", *words, cwd=folder, **environment)


def named(kind: str) -> Named:
    return Named(kind, f"new-{kind}")


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A standalone project of every kind."""
    folder = tmp_path_factory.mktemp("projects")
    for kind in KINDS:
        scaffold.write(scaffold.standalone(named(kind), folder / kind))
    return folder


@pytest.fixture(scope="module")
def site(projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All projects installed into a folder of their own, so that the environment stays as it is."""
    folder = tmp_path_factory.mktemp("site")
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    run(*pip, "--no-build-isolation", "--target", folder, *(projects / kind for kind in KINDS), cwd=projects)
    return folder


@pytest.mark.slow
def test_a_standalone_plugin_of_every_kind_is_found_once_it_is_installed(site: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(harness_at(tmp_path, "plugins", "list", "--json", PYTHONPATH=str(site)))
    found = {(row["kind"], row["name"]): row["source"] for row in rows if row["source"].startswith("package ")}
    assert found == {(kind, f"new-{kind}"): f"package reid-harness-new-{kind} 0.1.0" for kind in KINDS}
    assert all(row["status"] == "ok" for row in rows if (row["kind"], row["name"]) in found)


@pytest.mark.slow
def test_a_standalone_plugin_of_every_kind_passes_the_kit_as_it_is(site: Path, projects: Path, tmp_path: Path) -> None:
    pytest_alone = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", projects / "matcher" / "pyproject.toml")
    tests = [projects / kind / "tests" for kind in KINDS]
    told = run(*pytest_alone, *tests, "--rootdir", projects, "-rs", cwd=tmp_path, PYTHONPATH=str(site))
    assert " passed" in told
    assert "not available here" not in told
    assert "files are not there" not in told, "the test of a data set lays its own sample"
    assert told.count("passed") == 1


def test_what_is_written_is_as_the_project_writes_it(projects: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        longest = Named(kind, "a-name-as-long-as-a-name-of-a-plugin-may-be"[: scaffold.LONGEST])
        scaffold.write(scaffold.standalone(longest, tmp_path / kind))
        scaffold.write(scaffold.beside(Named(kind, f"a-{kind}"), tmp_path))
    for folder in (projects, tmp_path):
        settings = ("--no-cache", "--config", ROOT / "pyproject.toml")
        run("-m", "ruff", "check", *settings, folder, cwd=ROOT)
        run("-m", "ruff", "format", "--check", *settings, folder, cwd=ROOT)


def test_a_project_names_its_entry_point_and_carries_its_licence(projects: Path) -> None:
    project = tomllib.loads((projects / "fusion" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "reid-harness-new-fusion"
    assert project["entry-points"] == {"harness": {"new_fusion": "reid_harness_new_fusion.new_fusion"}}
    assert (projects / "fusion/src/reid_harness_new_fusion/new_fusion.py").is_file()
    assert (projects / "fusion" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    workflow = (projects / "fusion" / ".github" / "workflows" / "check.yml").read_text()
    assert "harness plugins check new-fusion --kind fusion" in workflow
    assert ".lock" in (projects / "fusion" / ".gitignore").read_text().splitlines()
    assert "{" not in workflow + (projects / "fusion" / "README.md").read_text(), "a gap was left open"


def test_in_tree_and_standalone_share_one_plugin(projects: Path, tmp_path: Path) -> None:
    plugin, test = scaffold.in_tree(named("loss"), tmp_path).items()
    assert plugin[0] == tmp_path / "plugins" / "losses" / "new_loss.py"
    assert test[0] == tmp_path / "tests" / "plugins" / "test_losses_new_loss.py"
    assert plugin[1] == (projects / "loss/src/reid_harness_new_loss/new_loss.py").read_text()
    assert test[1] == (projects / "loss/tests/test_new_loss.py").read_text()


def test_the_matcher_is_short_enough_for_a_tutorial(projects: Path) -> None:
    text = (projects / "matcher/src/reid_harness_new_matcher/new_matcher.py").read_text()
    body = text.partition("def match(")[2].partition("@hookimpl")[0]
    lines = [line for line in body.splitlines() if line.strip() and '"""' not in line]
    assert len(lines) <= 20


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_template_and_an_in_tree_folder(kind: str) -> None:
    assert (TEMPLATES / "plugin" / f"{kind}.py.jinja").is_file()
    assert (ROOT / "plugins" / FOLDERS[kind]).is_dir()
    import harness.testing

    assert getattr(harness.testing, scaffold.CONTRACTS[kind]).kind == kind


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("matcher", "Mine", "cannot be the name"),
        ("matcher", "", "cannot be the name"),
        ("matcher", "x" * 41, "at most 40"),
        ("matcher", "../mine", "cannot be the name"),
        ("matcher", "mine.", "cannot be the name"),
        ("matcher", "my..own", "cannot be the name"),
        ("matcher", "none", "means something else in a grid"),
        ("matcher", "3d", "Begin with a letter"),
        ("matcher", "class", "Python cannot import"),
        ("matcher", "mutual-nn", "in-tree matchers/mutual_nn"),
        ("loss", "triplet", "Choose another name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(registry: Registry, kind: str, name: str, told: str) -> None:
    with pytest.raises(PluginError, match=told):
        scaffold.checked(kind, name, registry)


def test_a_name_of_another_kind_can_be_used_again(registry: Registry) -> None:
    assert scaffold.checked("loss", "mutual-nn", registry).module == "mutual_nn"


@pytest.mark.parametrize("name", ["numpy", "json", "harness", "test"])
def test_a_file_that_would_hide_a_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError, match=f"hide the Python package '{name}'"):
        scaffold.beside(Named("matcher", name), tmp_path)
    assert scaffold.standalone(Named("matcher", name), tmp_path), "its package has another name"


@pytest.mark.parametrize("name", ["conftest", "test-mine", "test_mine"])
def test_a_file_that_pytest_would_take_for_its_own_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError, match="pytest would take"):
        scaffold.beside(Named("matcher", name), tmp_path)
    assert scaffold.standalone(Named("matcher", name), tmp_path), "its package has another name"


def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path: Path) -> None:
    texts = scaffold.beside(named("matcher"), tmp_path)
    (tmp_path / "test_new_matcher.py").write_text("mine")
    with pytest.raises(PluginError, match=r"test_new_matcher\.py is there already"):
        scaffold.write(texts)
    assert (tmp_path / "test_new_matcher.py").read_text() == "mine"
    assert not (tmp_path / "new_matcher.py").exists()


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "new_matcher.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(PluginError, match="is there already"):
        scaffold.write(scaffold.beside(named("matcher"), tmp_path))
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="--into"):
        scaffold.write(scaffold.beside(named("matcher"), tmp_path / "file"))


def test_a_gap_without_a_value_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        scaffold._rendered("plugin/matcher.py", {})


def test_a_checkout_is_seen_from_below_and_nothing_else_is_one(tmp_path: Path) -> None:
    deep = tmp_path / "plugins" / "matchers" / "deep"
    deep.mkdir(parents=True)
    assert scaffold.checkout(deep, "matcher") is None, "there is no tests/plugins"
    (tmp_path / "tests" / "plugins").mkdir(parents=True)
    assert scaffold.checkout(deep, "matcher") == tmp_path
    assert scaffold.checkout(deep, "loss") is None
    assert scaffold.foreign(tmp_path)
    assert not scaffold.foreign(ROOT)


def test_the_two_commands_that_are_told_pass(tmp_path: Path) -> None:
    told = json.loads(harness_at(tmp_path, "plugins", "new", "fusion", "my-sum", "--json"))
    assert told["files"] == ["my_sum.py", "test_my_sum.py"]
    check, test = (words.split() for words in told["next"])
    assert "passes" in harness_at(tmp_path, *check[1:])
    assert test[:3] == ["python", "-m", "pytest"]
    assert " passed" in run(*test[1:], "-p", "no:cacheprovider", cwd=tmp_path)
