"""``harness compare`` and ``harness baseline`` as a user types them: exit codes, files, errors."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rows import metric, record
from sides import WHERE, queries, ranks

from harness.cli import main
from harness.record import pack_hits
from harness.results import Results


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], standalone_mode=True)


def folder(path: Path, right: int, cell: str = "c0") -> Path:
    row = record(
        cell,
        first_hits=pack_hits(np.asarray(ranks(right))),
        ranking=str(right),
        metrics={"R-1": metric(right / 40)},
        environment=WHERE,
        git="c" * 40,
    )
    Results(path).add([row])
    Results(path).add_queries(row, queries())
    return path


@pytest.mark.parametrize(("right", "code", "word"), [(20, 0, "ok"), (2, 10, "regressed"), (39, 11, "improved")])
def test_the_exit_code_tells_the_verdict(tmp_path: Path, right: int, code: int, word: str) -> None:
    done = run("compare", folder(tmp_path / "a", 20), folder(tmp_path / "b", right), "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["verdict"] == word


def test_missing_cells_have_a_code_of_their_own(tmp_path: Path) -> None:
    assert run("compare", folder(tmp_path / "a", 20), folder(tmp_path / "b", 20, "other")).exit_code == 13


def test_a_baseline_is_accepted_shown_met_and_left(tmp_path: Path) -> None:
    results = ("--results", tmp_path)
    a, b = folder(tmp_path / "a", 20), folder(tmp_path / "b", 19)
    assert run("baseline", "accept", a, "--name", "g", "--exact", "--reason", "it began", *results).exit_code == 0
    assert run("compare", "g", a, *results).exit_code == 0
    assert run("compare", "g", b, *results).exit_code == 10
    assert run("compare", "g", b, *results, "--learnt").exit_code == 0  # one query is no finding
    again = run("baseline", "accept", a, "--name", "g", "--reason", "no change", *results)
    assert "nothing to accept" in again.stderr
    assert run("baseline", "accept", b, "--name", "g", "--reason", "one less", *results).exit_code == 0
    shown = run("baseline", "show", "g", *results).stdout
    assert "it began" in shown
    assert "one less" in shown
    kept = json.loads(run("baseline", "show", "g", *results, "--json").stdout)
    assert [entry["reason"] for entry in kept["accepted"]] == ["it began", "one less"]


def test_files_for_a_pull_request_and_for_other_cis_are_written(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", 20), folder(tmp_path / "b", 2)
    pages = tmp_path / "new" / "pr.md", tmp_path / "new" / "junit.xml"
    assert run("compare", a, b, "--markdown", pages[0], "--junit", pages[1]).exit_code == 10
    assert "-45.0" in pages[0].read_text()
    assert ElementTree.parse(pages[1]).getroot()[0].get("failures") == "1"


def test_mistakes_are_told_without_a_traceback(tmp_path: Path) -> None:
    a, typo = folder(tmp_path / "a", 20), tmp_path / "typo"
    for words, told in [
        (("compare", "nobody", a, "--results", tmp_path), "there is no baseline"),
        (("compare", "../x", a, "--results", tmp_path), "there is no baseline ../x"),
        (("compare", "X", a, "--results", tmp_path), "no name of a baseline"),
        (
            ("baseline", "accept", a, "--name", "g", "--reason", "x", "--results", typo),
            "there is no folder",
        ),
        (("compare", tmp_path, a), "no records"),
        (("baseline", "accept", a, "--name", "g", "--reason", " "), "--reason is empty"),
        (("baseline", "show", "g", "--results", tmp_path), "there is no baseline"),
    ]:
        done = run(*words)
        assert done.exit_code == 1
        assert told in done.stderr
        assert "Traceback" not in done.output
    assert run("compare", a, tmp_path / "nowhere").exit_code == 2
    assert run("baseline", "accept", a, "--name", "g").exit_code == 2
