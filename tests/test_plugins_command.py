"""``harness plugins``: list, show, new, check and page, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main, plugin_check
from harness.cli.plugin_facts import settings
from harness.cli.plugin_page import escaped, in_tree, in_tree_facts, page_text
from harness.cli.plugin_small import SMALL, lay, small
from harness.config import Config
from harness.fingerprint import code_hash
from harness.registry import Registry
from harness.specs import KINDS
from harness.testing import CONTRACTS, kit
from harness.testing.kit import Outcome, Report

ODD = """
from typing import Literal
from pydantic import Field
from harness import Config, LossSpec, MatcherSpec, hookimpl

class Settings(Config):
    '''Settings.'''
    must: int = Field(..., description="a | b *bold*")
    word: Literal["a", "b"] = "a"
    none: float | None = None
    flag: bool = True
    many: tuple[int, ...] = (1, 2)

@hookimpl
def harness_matchers():
    yield MatcherSpec(name="odd", version="7", config=Settings, build=lambda config: None, summary="[red]odd[/red]",
                      licence="A|B", requires=("no_such_package=no-such",))

@hookimpl
def harness_losses():
    yield LossSpec(name="shared", version="1", build=lambda config: None)
    yield LossSpec(name="mutual-nn", version="1", build=lambda config: None)
"""


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["plugins", *map(str, words)])


def told(result: Result) -> str:
    return " ".join(result.stderr.split())


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd.py"
    path.write_text(ODD)
    return path


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, str]]]:
    """Let the kit find these outcomes, status by status, whatever it is asked; gives what it was asked."""

    def stub(*statuses: str, message: str = "a message") -> list[tuple[str, str]]:
        asked: list[tuple[str, str]] = []

        def check(kind: str, ref: str, files: Any = ()) -> Report:
            choice = Registry.load(files).resolve(kind, ref)
            asked.append((kind, ref))
            names = [plugin_check.BUILDS, *(f"test_number_{n}" for n in range(1, len(statuses)))]
            ended: Any = zip(names, statuses, strict=True)
            outcomes = tuple(Outcome(name, status, 0.5, message) for name, status in ended)
            return Report(kind, choice.spec.name, choice.spec.version, choice.code, outcomes)

        monkeypatch.setattr(kit, "check", check)
        return asked

    return stub


def row_of(name: str, *words: str | Path) -> dict[str, Any]:
    rows: list[dict[str, Any]] = json.loads(call("list", "--json", *words).stdout)
    (row,) = [row for row in rows if row["name"] == name]
    return row


def test_the_list_is_readable_at_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = call("list").stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for entry in in_tree(Registry.load()):
        assert any(f" {entry.spec.name} " in line for line in lines), "a name is never cut"


def test_the_list_tells_what_the_kit_found_of_this_code(odd: Path, found: Callable[..., Any]) -> None:
    assert row_of("shared", "--plugin", odd)["kit"] is None
    for statuses, shown in ((("passed",), "passes"), (("passed", "failed"), "1 failed"), (("skipped",), "in part")):
        found(*statuses)
        call("check", "shared", "--plugin", odd)
        kept = row_of("shared", "--plugin", odd)["kit"]
        assert kept["failed"] == statuses.count("failed")
        line = next(line for line in call("list", "--plugin", odd).stdout.splitlines() if " shared " in line)
        assert shown in line
    odd.write_text(ODD.replace("lambda config: None", "lambda config: 1"))
    code_hash.cache_clear()  # a command has a process of its own
    assert row_of("shared", "--plugin", odd)["kit"] is None, "an edited plugin has not been checked"


def test_the_list_as_json_has_all_that_is_known(odd: Path) -> None:
    row = row_of("odd", "--plugin", odd)
    assert row["status"] == "missing: pip install no-such"
    assert row["settings"] == ["must", "word", "none", "flag", "many"]
    assert {"kit", "figures", "citation", "requires", "licence", "summary", "source"} <= set(row)


def test_of_two_plugins_of_one_name_both_are_told(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "twin.py").write_text(ODD)
    rows = json.loads(call("list", "--json", "--plugin", odd, "--plugin", tmp_path / "twin.py").stdout)
    assert [row["status"] for row in rows if row["name"] == "shared"] == ["clash: another plugin has this name"] * 2


def test_show_tells_settings_with_type_default_and_meaning(odd: Path) -> None:
    row = json.loads(call("show", "odd", "--plugin", odd, "--json").stdout)
    assert [(s["name"], s["type"], s["default"]) for s in row["settings"]] == [
        ("must", "int", None),
        ("word", "a | b", "a"),
        ("none", "float | none", "none"),
        ("flag", "bool", "true"),
        ("many", "tuple[int, ...]", "1+2"),
    ]
    text = call("show", "odd", "--plugin", odd).stdout
    assert "[red]odd[/red]" in text, "what a plugin says of itself is no markup"
    assert "must be given" in text


def test_a_name_of_two_kinds_needs_its_kind(odd: Path) -> None:
    result = call("show", "mutual-nn", "--plugin", odd)
    assert result.exit_code == 2
    assert "--kind loss or --kind matcher" in told(result)
    assert call("show", "mutual-nn", "--plugin", odd, "--kind", "loss").exit_code == 0


def test_a_plugin_that_gives_a_number_for_its_version_is_left_out(odd: Path) -> None:
    odd.write_text(ODD.replace('version="7"', "version=7"))
    result = call("list", "--plugin", odd)
    assert result.exit_code == 0
    assert "is broken and left out: TypeError: plugin 'odd': version must be text, not 7" in told(result)
    assert "mutual-nn" in result.stdout
    assert call("check", "odd", "--plugin", odd).exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["check", "mutual-n"], 1, "Did you mean mutual-nn?"),
        (["check", "torn", "--plugin", "torn.py"], 1, "is broken"),
        (["check", "mutual-nn", "--kind", "loss"], 1, "there is no loss called"),
        (["check", "mutual-nn", "--kind", "los"], 2, "dataset, backbone, loss"),
        (["check", "mutual-nn[ratio=2]"], 1, "ratio"),
        (["check", "mutual-nn[ratio"], 1, "bracket"),
        (["check", "loftr"], 2, "--kind features or --kind matcher"),
        (["check"], 2, "name one plugin, or give --all"),
        (["check", "mutual-nn", "--all"], 2, "name one plugin, or give --all"),
        (["check", "mutual-nn", "--record"], 2, "name one plugin, or give --all"),
        (["check", "--all", "--kind", "loss"], 2, "name one plugin, or give --all"),
        (["new", "loses", "mine"], 2, "dataset, backbone, loss"),
        (["new", "loss", "triplet"], 1, "Choose another name"),
        (["new", "loss", "Mine"], 1, "lower case"),
        (["new", "loss", "numpy", "--into", "here"], 1, "would hide the Python package"),
        (["new", "loss"], 2, "NAME"),
        (["show", "nothing-like-it"], 1, "harness plugins list"),
        (["show", "shared", "--plugin", "odd.py", "--plugin", "twin.py"], 1, "two loss plugins are called 'shared'"),
        (["check", "odd", "--plugin", "odd.py"], 1, "pip install no-such"),
        (["page", "--out", "no/such/folder.md"], 1, "--out"),
    ],
)
def test_wrong_input_is_told_without_a_traceback(
    tmp_path: Path, odd: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torn.py").write_text("from harness import nothing_of_that_name\n")
    (tmp_path / "twin.py").write_text(odd.read_text())
    result = call(*words)
    assert result.exit_code == code, result.output
    assert expected in told(result)
    assert "Traceback" not in result.output


def test_check_passes_and_fails_by_its_exit_code(found: Callable[..., Any]) -> None:
    for statuses, code in ((("passed", "skipped", "xfailed"), 0), (("passed", "failed"), 1)):
        found(*statuses)
        for form in ("--json", "--markdown"):
            assert call("check", "replace", form).exit_code == code
        assert call("check", "replace").exit_code == code


def test_check_says_at_its_start_that_it_takes_a_while(found: Callable[..., Any]) -> None:
    found("passed")
    result = call("check", "replace", "--json")
    tests = [name for name in dir(CONTRACTS["fusion"]) if name.startswith("test_")]
    assert f"checking replace: its contract has {len(tests)} tests; this may take a minute" in told(result)
    assert json.loads(result.stdout)["ok"]


@pytest.mark.parametrize("words", [("replace",), ("--all",)])
def test_check_that_is_interrupted_ends_with_130(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    def interrupted(*_: Any) -> Report:
        raise KeyboardInterrupt

    monkeypatch.setattr(kit, "check", interrupted)
    result = call("check", *words)
    assert result.exit_code == 130
    assert "Interrupted." in told(result)
    assert "Aborted" not in result.output


def test_check_as_json(found: Callable[..., Any]) -> None:
    found("passed", "failed", "skipped", "xfailed")
    row = json.loads(call("check", "replace", "--json").stdout)
    assert (row["passed"], row["failed"], row["skipped"], row["ok"]) == (1, 1, 2, False)
    assert set(row["versions"]) == {"harness", "torch", "python"}
    assert row["code"] == Registry.load().resolve("fusion", "replace").code[:12]
    assert row["outcomes"][1] == {
        "test": "test_number_1",
        "status": "failed",
        "seconds": 0.5,
        "message": "a message",
    }


def test_check_for_a_terminal_takes_no_markup_from_messages(found: Callable[..., Any]) -> None:
    found("failed", message="[bold]x[/nothing]")
    text = call("check", "replace").stdout
    assert "[bold]x[/nothing]" in text
    assert "fails: 1 failed in 0.5 s" in text


def test_check_for_a_pull_request_is_a_table_whatever_the_message_holds(odd: Path, found: Callable[..., Any]) -> None:
    found("passed", "failed", message="a | b\n<script> `x` *y*")
    text = call("check", "shared", "--plugin", odd, "--markdown").stdout
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 3 + 4
    assert all(line.replace("\\|", "").count("|") in (6, 4) for line in lines)
    assert "a \\| b &lt;script&gt; \\`x\\` \\*y\\*" in text
    assert "1 passed, 1 failed in 1.0 s (harness " in text


def test_check_is_done_where_nothing_can_be_remembered(
    found: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "file"))
    found("passed")
    result = call("check", "replace")
    assert result.exit_code == 0
    assert "the outcome is not remembered" in told(result)


def test_check_all_records_every_in_tree_plugin_and_keeps_the_figures(
    tmp_path: Path, found: Callable[..., Any]
) -> None:
    from harness import maturity

    asked = found("passed", "skipped")
    target = tmp_path / "maturity.json"
    figures = maturity.shipped()["matcher/mutual-nn"].figures
    gone = maturity.Standing(figures=figures)
    maturity.save({"matcher/mutual-nn": gone, "matcher/gone": gone}, target)
    rows = json.loads(call("check", "--all", "--record", target, "--json").stdout)
    names = {f"{entry.spec.kind}/{entry.spec.name}" for entry in in_tree(Registry.load())}
    assert {f"{row['kind']}/{row['name']}" for row in rows} == names == set(maturity.shipped(target))
    assert ("backbone", "timm[model=resnet10t,weights=random,size=32]") in asked
    kept = maturity.shipped(target)["matcher/mutual-nn"]
    assert kept.figures == figures != ()
    assert kept.kit is not None
    assert (kept.kit.passed, kept.kit.skipped, kept.kit.built) == (1, 1, True)


def test_check_all_fails_where_one_plugin_does(found: Callable[..., Any]) -> None:
    found("passed", "failed")
    result = call("check", "--all")
    assert result.exit_code == 1
    assert "matcher mutual-nn: 1 passed, 1 failed" in told(result)
    assert "number 1" in result.stdout


def test_the_kit_itself_is_run(odd: Path) -> None:
    result = call("check", "replace", "--json")
    row = json.loads(result.stdout)
    assert result.exit_code == 0, row
    assert row["passed"] > 10
    wrong = json.loads(call("check", "shared", "--plugin", odd, "--json").stdout)
    assert not wrong["ok"]


def test_the_test_that_tells_whether_a_plugin_was_built_is_one_of_the_kit() -> None:
    assert all(hasattr(contract, plugin_check.BUILDS) for contract in CONTRACTS.values())


def test_every_small_reference_is_one_of_a_plugin_and_has_its_files(tmp_path: Path) -> None:
    registry = Registry.load()
    lay(tmp_path)
    for entry in in_tree(registry):
        choice = registry.resolve(entry.spec.kind, small(entry.spec.kind, entry.spec.name, tmp_path))
        assert choice.spec is entry.spec
        if entry.spec.kind == "dataset" and entry.spec.name != "synthetic-herd":
            assert len(choice.build(tmp_path).table()) == 4
    assert set(SMALL) <= {f"{entry.spec.kind}/{entry.spec.name}" for entry in in_tree(registry)}


def test_new_inside_a_checkout_outside_of_one_and_standalone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone = call("new", "matcher", "mine")
    assert alone.stdout.split() == ["mine.py", "test_mine.py"]
    assert "harness plugins check mine --plugin mine.py" in told(alone)
    into = json.loads(call("new", "loss", "mutual-nn", "--into", "there", "--json").stdout)
    assert into["files"] == ["there/mutual_nn.py", "there/test_mutual_nn.py"]
    assert into["next"][0] == "harness plugins check mutual-nn --kind loss --plugin there/mutual_nn.py"
    project = json.loads(call("new", "loss", "my.loss", "--standalone", "--json").stdout)
    assert "reid-harness-my-loss/src/reid_harness_my_loss/my_loss.py" in project["files"]
    assert project["next"] == ["pip install -e 'reid-harness-my-loss[test]'", "harness plugins check my.loss"]
    (tmp_path / "plugins" / "losses").mkdir(parents=True)
    (tmp_path / "tests" / "plugins").mkdir(parents=True)
    inside = json.loads(call("new", "loss", "mine", "--json").stdout)
    assert inside["files"] == [f"{tmp_path}/plugins/losses/mine.py", f"{tmp_path}/tests/plugins/test_losses_mine.py"]
    assert all(Path(path).is_file() for path in [*into["files"], *project["files"], *inside["files"]])
    assert call("new", "matcher", "mine", "--into", ".").exit_code == 1


def test_new_inside_a_checkout_of_another_harness_names_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins" / "losses").mkdir(parents=True)
    (tmp_path / "tests" / "plugins").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    activate = f"source {tmp_path}/.venv/bin/activate"
    result = call("new", "loss", "mine", "--json")
    assert json.loads(result.stdout)["next"][:2] == [f"make -C {tmp_path} setup", activate]
    assert f"does not come from the checkout {tmp_path}" in told(result)
    assert f"({activate}), or write elsewhere with --into DIR" in told(result)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text("")
    assert json.loads(call("new", "loss", "other", "--json").stdout)["next"][0] == activate
    from harness import scaffold

    monkeypatch.setattr(scaffold, "in_tree_folders", lambda: [tmp_path / "plugins"])
    own = call("new", "loss", "another", "--json")
    assert own.stderr == ""
    assert json.loads(own.stdout)["next"][0] == "harness plugins check another"


def test_the_page_tells_every_plugin_and_setting_once() -> None:
    rows = in_tree_facts(Registry.load())
    text = page_text(rows)
    assert {row["kind"] for row in rows} == set(KINDS)
    for row in rows:
        assert text.count(f"### {escaped(row['name'])} ({row['kind']})\n") == 1
        for setting in row["settings"]:
            assert f"| {escaped(setting['name'])} | " in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} <= {5, 6}


def test_the_page_escapes_what_a_plugin_says_of_itself() -> None:
    assert escaped("a|b *c* _d_\n<e> [f](g) `h` #") == r"a\|b \*c\* \_d\_ &lt;e&gt; \[f\](g) \`h\` \#"


def test_the_page_goes_to_a_file_or_to_the_output(tmp_path: Path) -> None:
    assert call("page", "--out", tmp_path / "page.md").exit_code == 0
    assert (tmp_path / "page.md").read_text() == call("page").stdout


def test_the_page_renews_figures_from_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rows import metric, record

    from harness import maturity
    from harness.results import Results

    plugins = {"matcher": {"name": "mutual-nn", "version": "1"}}
    Results(tmp_path).add([record(plugins=plugins, metrics={"R-1": metric(0.123)})])
    kept = {}
    monkeypatch.setattr(maturity, "save", kept.update)
    assert call("page", "--results", tmp_path).exit_code == 0
    assert kept["matcher/mutual-nn"].figures[0].r1.value == 0.123
    assert kept["fusion/replace"].figures == ()
    assert kept["fusion/replace"].kit == maturity.shipped()["fusion/replace"].kit


def test_settings_of_a_plugin_without_any() -> None:
    assert list(settings(Config)) == []
