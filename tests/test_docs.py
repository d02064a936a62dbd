"""The documentation is true: every hook and command has its page, every block holds, every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import ROOT, alone, parse, problems

sys.path.insert(0, str(ROOT / "docs" / "_make"))

import hook_pages
import pages

DOCS = ROOT / "docs"
OUTSIDE = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md")]
PAGES = [*OUTSIDE, ROOT / "benchmarks" / "README.md", *sorted(DOCS.rglob("*.md"))]
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))


def title(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_every_block_of_a_page_holds(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert problems(path) == []


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_a_block_is_left_unchecked_with_a_reason_only(path: Path) -> None:
    skips = [example.parsed for example in parse(path) if isinstance(example.parsed, tuple)]
    assert all(action == "next" and (reason or "").strip("\"' ") for action, reason in skips), skips


BROKEN = {
    "an exception": "```python\n1 / 0\n```",
    "an option that there is not": "```sh\nharness run --gird demo\n```",
    "a subcommand that there is not": "```sh\nharness data shw x\n```",
    "a value of a wrong type": "```sh\nharness plan --device tpu\n```",
    "a missing argument": "```sh\nharness data show | cat\n```",
    "a program that nobody knows": "```sh\nharness plan && frobnicate\n```",
    "a target that there is not": "```sh\nmake gird\n```",
    "a quote that stays open": "```sh\nharness run 'x\n```",
    "a plugin that there is not": '```toml\n[axes]\nmatcher = "no-such"\n```',
    "a setting that there is not": "```toml\n[train]\nepocs = 1\n```",
    "JSON with a comma too many": "```json\n[1,]\n```",
    "ragged CSV": "```csv\na,b\n1\n```",
    "YAML that is none": "```yaml\na: [\n```",
    "a language that nobody checks": "```pyhton\nx\n```",
    "no language": "```\nx\n```",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_block_that_does_not_hold_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n```sh\nharness plan --help\n```\n\n{BROKEN[name]}\n")
    found = problems(page)
    assert len(found) == 1
    assert found[0].startswith("page.md:7: ")


def test_generated_pages_are_current() -> None:
    stale = [title(path) for path in pages.outdated()]
    assert not stale, f"run `make pages`: {stale}"


def test_every_command_has_a_page() -> None:
    from harness.cli import main

    names = {name for name, command in main.commands.items() if not command.hidden}
    assert {path.stem for path in (DOCS / "cli").glob("*.md")} == names | {"index"}


@pytest.mark.parametrize("hook", hook_pages.hooks())
def test_every_hook_has_a_page_with_its_signature(hook: str) -> None:
    page = (DOCS / "hooks" / f"{hook}.md").read_text(encoding="utf-8")
    by_hand = page.split(hook_pages.BEGIN)[0]
    assert f"def {hook}(" in page.split(hook_pages.BEGIN)[1]
    assert f"@hookimpl\ndef {hook}(" in by_hand, "the part by hand has no complete example"
    assert f"({hook}.md)" in (DOCS / "hooks" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", hook_pages.hooks())
def test_every_hook_is_tested(hook: str) -> None:
    from harness.testing import CONTRACTS

    kind = hook_pages.hooks()[hook]
    assert kind in CONTRACTS if kind else re.search(rf"\b{hook}\b", TESTS), f"nothing tests {hook}"


def files_of(hook: str, folder: Path) -> list[Path]:
    """Write the files that the page of a hook shows."""
    titled = [example for example in parse(DOCS / "hooks" / f"{hook}.md") if example.region.lexemes["title"]]
    for example in titled:
        (folder / example.region.lexemes["title"]).write_text(example.parsed, encoding="utf-8")
    return [folder / example.region.lexemes["title"] for example in titled]


def test_the_observers_of_the_pages_observe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.registry import Registry

    monkeypatch.chdir(tmp_path)
    observers = [hook for hook, kind in hook_pages.hooks().items() if not kind]
    watching = Registry.load([path for hook in observers for path in files_of(hook, tmp_path)])
    watching.tell("harness_stage_finished", stage="embed", key="0a1b", seconds=1.5, cached=False)
    metrics = {"R-1": {"value": 0.5, "n": 2}}
    watching.tell("harness_cell_finished", record={"status": "ok", "backbone": "a", "matcher": "b", "metrics": metrics})
    assert capsys.readouterr().err == "embed took 1.5 s\n"
    assert Path("logbook.txt").read_text(encoding="utf-8") == "ok a b R-1 0.5\n"


def test_the_example_of_every_kind_passes_the_kit(tmp_path: Path) -> None:
    kinds = [hook for hook, kind in hook_pages.hooks().items() if kind]
    for hook in kinds:
        files_of(hook, tmp_path)
    assert len(list(tmp_path.glob("test_*.py"))) == len(kinds)
    words = ["-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist", "."]
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=alone(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("path", [path for path in PAGES if not path.is_relative_to(DOCS)], ids=title)
def test_links_outside_the_site_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    words = ["-m", "mkdocs", "build", "--strict", "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir"]
    done = subprocess.run(
        [sys.executable, *words, str(tmp_path / "site")], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    loaded = re.compile(r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//[^\"]+|<link[^>]+href=\"(?:https?:)?//[^\"]+")
    built = sorted((tmp_path / "site").rglob("*.html"))
    assert len(built) > 30
    texts = [page.read_text(encoding="utf-8") for page in built]
    assert not [found for text in texts for found in loaded.findall(text)]
    assert not [text for text in texts if re.search("<!-- (run|skip|generated)", text)], "that is for tests and writers"
