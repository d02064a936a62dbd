"""The fenced blocks of a Markdown page, and what must hold for a block of each language."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest
from unittest.mock import patch

import click
import yaml
from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

ROOT = Path(__file__).resolve().parents[1]
LEXER = RawFencedCodeBlockLexer(re.compile(r"(?P<info>[^\n]*)\n"))
INFO = re.compile(r'(?P<language>\w+)(?: title="(?P<title>[\w./-]+)")?')
RUN = re.compile(r"<!-- run(?:: (?P<code>\d+))? -->\n\Z")
"""Before a block of shell lines that a test runs for real (test_tutorial.py), with the exit code that it ends with."""
OTHERS = frozenset("cd cp done export fi for git mkdir mv pip pre-commit python python3".split())  # noqa: SIM905
OTHERS |= {"sbatch", "sed", "source", "twine"}
"""Programs of shell lines that are no command of ours and are taken on trust."""


FILLED = re.compile(r"\$\([^()]*\)|\$\{[^}]*\}|\$\w+")
BEFORE = re.compile(r"\w+=.*|do|then|else|if", re.DOTALL)
"""What may stand before a command: VARIABLE=value, and words of the shell."""


def parse(path: Path) -> Document:
    """A page with its blocks as examples; ``<!-- skip: next "reason" -->`` stands before one that is left out."""
    return Document.parse(str(path), blocks, SkipParser())


def blocks(document: Document) -> Iterator[Region]:
    """Every fenced block, whatever its language, to be evaluated by :func:`check`."""
    for region in LEXER(document):
        named = INFO.fullmatch(region.lexemes["info"].strip())
        runs = RUN.search(document.text[: region.start])
        language, title = (named["language"], named["title"]) if named else ("", None)
        region.lexemes |= {"language": language, "title": title or ""}
        region.lexemes["ends"] = int(runs["code"] or 0) if runs else None
        region.parsed, region.evaluator = region.lexemes["source"], check
        yield region


def check(example: Example) -> None:
    """Raise where a block does not hold. One with a title is a file: it is written, for the blocks below it."""
    language, title, source = (example.region.lexemes[name] for name in ("language", "title", "source"))
    if title:
        Path(title).parent.mkdir(parents=True, exist_ok=True)
        Path(title).write_text(source, encoding="utf-8")
    if language not in CHECKS:
        raise AssertionError(f"a block of the unknown language {language!r}: it is one of {', '.join(CHECKS)}")
    CHECKS[language](example)


def problems(path: Path) -> list[str]:
    """What does not hold, one line for each block; the blocks of a page run in order and share names and files."""
    found = []
    for example in parse(path):
        try:
            example.evaluate()
        except SkipTest:
            continue
        except (Exception, SystemExit) as error:
            found.append(f"{path.name}:{example.line}: {type(error).__name__}: {error}")
    return found


def alone() -> dict[str, str]:
    """The environment without what belongs to the pytest around: its options, plugins and workers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_CORE_"))}


def commands(source: str) -> Iterator[list[str]]:
    """The words of each command of a piece of shell: lines joined, comments gone, cut at ``&&``, ``;`` and ``|``;
    what the shell would fill in is 0."""
    for line in FILLED.sub("0", source.replace("\\\n", " ")).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.wordchars += "[]=,*?:@%+{}$"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word and set(word) <= set(";&|"):
                yield from [words] if words else []
                words = []
            else:
                words.append(word)


def parses(command: click.Command, words: list[str], path: str = "harness") -> None:
    """Parse words as click would to run them, and run nothing.

    Raises:
        click.UsageError: an option, argument or subcommand that there is not, or a value of a wrong type.
    """
    try:
        with patch.object(click.Path, "convert", lambda self, value, *others: value):  # files of the reader's own
            context = command.make_context(path, list(words))
    except click.exceptions.Exit:
        return  # --help, --version
    with context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            if not rest:
                raise click.UsageError(f"{path} wants a command")
            name, inner, rest = command.resolve_command(context, rest)
            assert name is not None
            assert inner is not None
            parses(inner, rest, f"{path} {name}")


def _shell(example: Example) -> None:
    from harness.cli import main

    done = subprocess.run(["bash", "-n"], input=example.parsed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for words in commands(example.parsed):
        while words and BEFORE.fullmatch(words[0]):
            words = words[1:]
        program = Path(words[0]).name if words else "export"
        if program == "harness":
            parses(main, words[1 : _redirected(words)])
        elif program == "make":
            assert words[1] in targets, f"the Makefile has no target {words[1]}"
        else:
            assert program in OTHERS, f"{program!r} is neither ours nor in OTHERS (tests/blocks.py)"


def _redirected(words: list[str]) -> int:
    return next((place for place, word in enumerate(words) if set(word) <= set("<>&")), len(words))


def _toml(example: Example) -> None:
    """TOML; where it is a grid, or a part of one, it also loads as one, with the plugins that the page has shown."""
    from harness.cli.options import ONE_CELL
    from harness.executors.chosen import table
    from harness.grid import expand
    from harness.registry import Registry

    raw: dict[str, Any] = tomllib.loads(example.parsed)
    if "executor" in raw:
        table(raw)
        return
    if not raw.keys() & {"grid", "axes", "protocol", "train"}:
        return
    axes = raw.get("axes", {})
    whole = [{**ONE_CELL, **block} for block in (axes if isinstance(axes, list) else [axes])]
    registry = Registry.load(sorted(path for path in Path().glob("*.py") if "hookimpl" in path.read_text("utf-8")))
    assert not registry.broken, registry.broken
    assert expand({"grid": {"name": "page"}, **raw, "axes": whole}, registry).cells


def _csv(example: Example) -> None:
    rows = list(csv.reader(io.StringIO(example.parsed)))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}, "rows of unequal length"


CHECKS = {
    "python": PythonEvaluator(),
    "sh": _shell,
    "toml": _toml,
    "json": lambda example: json.loads(example.parsed) and None,
    "csv": _csv,
    "yaml": lambda example: yaml.safe_load(example.parsed) and None,
    "text": lambda example: None,  # what a program prints, or a picture of a folder
    "diff": lambda example: None,  # a change to a file that the page does not have
}
