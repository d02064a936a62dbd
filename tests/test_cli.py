"""The command line: help with examples, JSON, errors without tracebacks, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from support import HERD

from harness.cli import main


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> list[str]:
    """Every command that does something, as it is typed."""
    if not isinstance(command, click.Group):
        return [" ".join(words)]
    return [found for name, inner in command.commands.items() for found in leaves(inner, (*words, name))]


COMMANDS = leaves(main)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def error_of(result: Result) -> str:
    return result.stderr.replace("\n", " ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str) -> None:
    result = call(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert "harness " in result.output


def test_every_option_has_help() -> None:
    def walk(command: click.Command) -> list[click.Command]:
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        return [command, *(found for c in inner for found in walk(c))]

    silent = [
        f"{command.name} {option.opts[0]}"
        for command in walk(main)
        for option in command.params
        if isinstance(option, click.Option) and not option.help and option.opts[0] not in ("--protocol",)
    ]
    assert silent == []


def test_plugins_list_as_json() -> None:
    rows = json.loads(call("plugins", "list", "--json").stdout)
    assert {"kind", "name", "version", "source", "status", "licence"} <= set(rows[0])
    by_kind: dict[str, set[str]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], set()).add(row["name"])
    assert by_kind["backbone"] >= {"resnet50", "efficientnet_b3", "timm"}
    assert by_kind["loss"] >= {"softmax", "softmax-species", "arcface", "cosface", "subcenter-arcface", "triplet"}
    assert by_kind["features"] >= {"sift", "aliked", "disk", "xfeat"}
    assert by_kind["matcher"] >= {"mutual-nn", "lightglue"}
    assert by_kind["dataset"] >= {"synthetic-herd", "wildlifereid10k", "wildlife-datasets", "folder"}
    assert by_kind["fusion"] >= {"replace"}
    assert by_kind["openset"] >= {"threshold"}


def test_a_broken_plugin_file_is_listed_with_its_error_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "torn.py").write_text("from harness import nothing_of_that_name\n")
    rows = json.loads(call("plugins", "list", "--json", "--plugin", tmp_path / "torn.py").stdout)
    (torn,) = [row for row in rows if row["name"] == "torn"]
    assert torn["status"].startswith("broken")
    assert "nothing_of_that_name" in torn["status"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run", "--grid", "dmeo"], 1, "Did you mean 'demo'?"),
        (["run", "--backbone", "resnet5"], 1, "resnet50"),
        (["run", "--backbone", "resnet50[size=big]"], 1, "size"),
        (["run", "--grid", "--backbone", "resnet50"], 2, "exclude each other"),
        (["run", "--dataset", "folder[root=nowhere]", "--protocol", "study"], 1, "nowhere"),
        (["run", "--protocol", "mine"], 2, "official"),
        (["plan", "--set", "train.epochs=none"], 1, "epochs"),
        (["data", "show", "synthetic-herd[seed=-1]"], 1, "seed"),
        (["plugins", "list", "--kind", "loses"], 2, "loss"),
        (["cache", "why", "abc", "def"], 1, "no entry"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_wrong_input_is_told_without_a_traceback(words: list[str], code: int, told: str) -> None:
    result = call(*words)
    assert result.exit_code == code, result.output
    assert told in error_of(result)
    assert "Traceback" not in result.output


def test_a_leaderboard_without_records_says_how_to_get_some(tmp_path: Path) -> None:
    result = call("leaderboard", "--results", tmp_path / "none", "--json")
    assert json.loads(result.stdout) == []
    assert "harness run --grid" in result.stderr


def test_data_show_counts_roles(drawn: Path) -> None:
    counts: dict[str, Any] = json.loads(call("data", "show", HERD, "--store", drawn, "--json").stdout)
    assert counts["protocol"] == "official"
    assert counts["n_known"] + counts["n_new"] == counts["n_query"]
    assert counts["n_train"] + counts["n_validation"] == counts["n_gallery"]


def test_cache_commands_on_an_empty_store(tmp_path: Path) -> None:
    assert json.loads(call("cache", "ls", "--store", tmp_path, "--json").stdout) == []
    assert "freed 0.0 MB" in call("cache", "gc", "--store", tmp_path).stderr
    assert call("cache", "gc", "--all", "--store", tmp_path).exit_code == 1  # asks first, and nobody says yes


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    result = call("plan", "--backbone", "timm[model=resnet10t,weights=random]", "--dataset", HERD, "--device", "cuda")
    assert result.exit_code == 1
    assert "no CUDA" in error_of(result)
