"""``harness results``: output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from guarded import STUDY, edit, moved

from harness.cli.results import results as command


def run(*words: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(command, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_tells_all_findings_and_its_exit_code_what_they_are(committed: Path) -> None:
    here = ("--results", committed)
    assert run("check", *here, "--against", "HEAD")[::2] == (0, "2 rows, compared with 2 at HEAD: nothing found\n")
    edit(committed, moved)
    (committed / "notes[1].txt").write_text("")
    code, told, summary = run("check", *here, "--against", "HEAD")
    assert (code, summary) == (1, "2 rows, compared with 2 at HEAD: 2 findings\n")
    assert f"{STUDY}:1: moved: cell one" in told
    assert "harness results explain" in told
    assert "notes[1].txt: unknown file:" in told
    code, told, _ = run("check", *here, "--json")
    assert code == 1
    (found,) = json.loads(told)
    assert set(found) == {"rule", "where", "problem", "advice"}


def test_the_command_explains_and_the_check_passes(committed: Path) -> None:
    edit(committed, moved)
    here = ("--results", committed)
    code, told, _ = run("explain", *here, "--reason", "a decoder", "--json")
    assert code == 0
    (written,) = json.loads(told)
    assert json.loads((committed / "reasons.jsonl").read_text()) == written
    assert run("check", *here, "--against", "HEAD", "--json")[:2] == (0, "[]\n")
    code, _, told = run("explain", *here, "--reason", "a decoder")
    assert (code, told) == (0, "nothing is left to explain since HEAD\n")


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--against", "nowhere"),
        ("check", "--max-mb", "0"),
        ("explain",),
        ("explain", "--reason", " "),
        ("explain", "--reason", "why", "--cell", "nobody"),
    ],
)
def test_wrong_usage_is_exit_code_two(committed: Path, words: tuple[str, ...]) -> None:
    assert run(*words, "--results", committed)[0] == 2
    assert run("check", "--results", committed / "nowhere")[0] == 2
