"""The registry: discovery, broken plugins kept apart, clashes, nearest names, missing packages, observers."""

from __future__ import annotations

import json
import subprocess
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import Config
from harness.choice import Choice, Entry
from harness.errors import GridError, PluginError
from harness.registry import Registry
from harness.specs import KINDS, MatcherSpec

Run = Callable[..., subprocess.CompletedProcess[str]]

GOOD = """
from harness import Config, MatcherSpec, hookimpl

class Settings(Config):
    features: str = "sift"
    max_keypoints: int = 64
    ratio: float = 0.8

def build(config):
    return ("built", config.ratio)

@hookimpl
def harness_matchers():
    yield MatcherSpec(name="mine", version="3", config=Settings, build=build, licence="MIT", summary="a matcher")
"""
SPEC = 'MatcherSpec(name="one", version="1", build=print)'


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def load(*files: Path) -> Registry:
    """Load without letting a warning of a broken plugin fail the test; other tests look at the warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Registry.load(files)


def from_file(registry: Registry) -> list[Entry]:
    return [e for kind in KINDS for e in registry.entries(kind) if e.source.startswith("file")]


def hook(body: str) -> str:
    head = "from harness import *\nfrom harness import hookimpl\n@hookimpl\ndef harness_matchers():\n"
    return head + textwrap.indent(body, "    ")


def test_in_tree_plugins_are_found_by_folder_and_none_is_broken() -> None:
    registry = load()
    assert registry.broken == []
    names = {kind: [entry.spec.name for entry in registry.entries(kind)] for kind in KINDS}
    assert "mutual-nn" in names["matcher"]
    assert "sift" in names["features"]
    for kind, found in names.items():
        assert len(found) == len(set(found)), f"two {kind} plugins of one name"
        for entry in registry.entries(kind):
            assert entry.source.startswith("in-tree")
            assert entry.spec.licence
            assert entry.spec.summary


def test_a_named_file_is_a_plugin_like_any_other(tmp_path: Path) -> None:
    registry = load(written(tmp_path, "trial", GOOD))
    entry = registry.find("matcher", "mine")
    assert entry.source.endswith("trial.py")
    assert (entry.spec.version, entry.spec.licence) == ("3", "MIT")
    choice = registry.resolve("matcher", "mine[ratio=0.7]")
    assert choice.build() == ("built", 0.7)
    assert choice.label == "mine[ratio=0.7]"
    assert choice.identity()["settings"] == {"features": "sift", "max_keypoints": 64, "ratio": 0.7}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise RuntimeError('no luck')", "no luck"),
        ("def broken(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)", "SystemExit"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        (hook(f"yield {SPEC}\nraise RuntimeError('half way')"), "half way"),
        (hook("yield 'a string'"), "must yield MatcherSpec, not str"),
        (hook("yield LossSpec(name='x', version='1', build=print)"), "must yield MatcherSpec, not LossSpec"),
        (hook("return None"), "harness_matchers must yield specs: write yield"),
        (hook(f"return {SPEC}"), "harness_matchers must yield specs: write yield"),
        (hook("yield MatcherSpec(name='one', version=1, build=print)"), "'one': version must be text, not 1"),
        (hook("yield MatcherSpec(name='none', version='1', build=print)"), "'none' means something else in a grid"),
        (hook("yield MatcherSpec(name='one', version='1', build=print, api=99)"), "interface 99"),
        (hook("yield MatcherSpec(name='One', version='1', build=print)"), "'One' must be lower case"),
        (hook("yield MatcherSpec(name='one', version='1', build=print, config=dict)"), "subclass of harness.Config"),
        (hook("yield MatcherSpec(name='one', version='1', build=None)"), "build must be"),
        (hook("yield MatcherSpec(name='one', version='1', build=print, requires='cv2')"), "requires must be a tuple"),
        (hook("yield MatcherSpec(name='one')"), "missing"),
        (
            hook(f"yield {SPEC}").replace("harness_matchers", "harness_matcher"),
            "no hook harness_matcher: did you mean harness_matchers?",
        ),
        (hook(f"yield {SPEC}").replace("harness_matchers", "zzz"), "no hook zzz"),
        (GOOD + "@hookimpl\ndef harness_stage_finished(stage, colour): ...", "colour"),
    ],
)
def test_a_broken_plugin_breaks_only_itself(tmp_path: Path, text: str, told: str) -> None:
    bad, good = written(tmp_path, "bad_one", text), written(tmp_path, "good", GOOD)
    with pytest.warns(UserWarning, match="plugin bad_one .* is broken") as caught:
        registry = Registry.load([bad, good])
    assert len(caught) == 1
    assert [broken.name for broken in registry.broken] == ["bad_one"]
    assert told in registry.broken[0].error
    assert [entry.spec.name for entry in from_file(registry)] == ["mine"]
    assert len([p for p in registry.manager.get_plugins() if "bad_one" in str(p)]) == 0
    registry.manager.check_pending()
    with pytest.raises(PluginError, match="is broken") as error:
        registry.find("matcher", "bad-one")
    assert told in str(error.value)


def test_ctrl_c_while_plugins_load_is_not_swallowed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Registry.load([written(tmp_path, "slow", "raise KeyboardInterrupt")])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    registry = load(tmp_path / "absent.py")
    assert "does not exist" in registry.broken[0].error


def test_a_file_named_twice_counts_once(tmp_path: Path) -> None:
    path = written(tmp_path, "trial", GOOD)
    registry = load(path, tmp_path / "." / "trial.py")
    assert registry.broken == []
    assert registry.resolve("matcher", "mine").build() == ("built", 0.8)


def test_two_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    registry = load(written(tmp_path / "left", "trial", GOOD), written(tmp_path / "right", "trial", GOOD))
    assert registry.broken == []
    with pytest.raises(PluginError, match="two matcher plugins are called 'mine'") as caught:
        registry.resolve("matcher", "mine")
    assert "left/trial.py" in str(caught.value)
    assert "right/trial.py" in str(caught.value)
    assert registry.find("features", "sift").spec.name == "sift"  # a clash hurts only its name


def test_files_of_one_name_keep_their_own_code(tmp_path: Path) -> None:
    left = written(tmp_path / "left", "trial", GOOD)
    right = written(tmp_path / "right", "trial", GOOD.replace('"mine"', '"other"').replace('"built"', '"made"'))
    registry = load(left, right)
    mine, other = registry.resolve("matcher", "mine"), registry.resolve("matcher", "other")
    assert (mine.build()[0], other.build()[0]) == ("built", "made")
    assert mine.identity()["code"] != other.identity()["code"]


def test_the_place_of_a_file_is_not_part_of_its_code(tmp_path: Path) -> None:
    codes = {
        load(written(tmp_path / folder, name, GOOD)).resolve("matcher", "mine").identity()["code"]
        for folder, name in (("a", "trial"), ("b", "renamed"))
    }
    assert len(codes) == 1


def test_the_code_of_a_plugin_is_that_of_the_file_that_declares_it(tmp_path: Path) -> None:
    partial = GOOD.replace("build=build", "build=functools.partial(build)").replace(
        "from harness", "import functools\nfrom harness", 1
    )
    one = load(written(tmp_path / "a", "p", partial)).resolve("matcher", "mine")
    two = load(written(tmp_path / "b", "p", partial.replace("config.ratio", "config.ratio + 1"))).resolve(
        "matcher", "mine"
    )
    assert one.identity()["code"] != two.identity()["code"]


def test_an_unknown_name_comes_with_its_neighbours() -> None:
    with pytest.raises(PluginError, match="no matcher called 'mutual-n'") as caught:
        load().resolve("matcher", "mutual-n")
    assert "Did you mean mutual-nn" in str(caught.value)
    with pytest.raises(PluginError, match=r"There are: .*mutual-nn"):
        load().resolve("matcher", "zzzzzz")


@pytest.mark.parametrize(("name", "near"), [("mutal-nn", True), ("my-matcher", False), ("orb", False)])
def test_only_names_that_are_much_alike_are_proposed(name: str, near: bool) -> None:
    assert ("Did you mean" in str(load().unknown(name))) == near


def test_an_unknown_name_is_told_what_the_files_offer(tmp_path: Path) -> None:
    registry = load(written(tmp_path, "trial", GOOD))
    for kind in ("matcher", None):
        told = str(registry.unknown("zzzzzz", kind))
        assert f"The file {tmp_path.name}/trial.py offers matcher mine." in told
        assert "There are" not in told
        assert "--plugin" not in told


def test_a_file_that_offers_nothing_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"bare\.py offers no plugin: is @hookimpl missing\?"):
        registry = Registry.load([written(tmp_path, "bare", GOOD.replace("@hookimpl", ""))])
    assert registry.broken == []


def test_a_hook_of_a_later_harness_may_be_optional(tmp_path: Path) -> None:
    later = GOOD + "\n@hookimpl(optionalhook=True)\ndef harness_of_tomorrow(): ...\n"
    assert load(written(tmp_path, "trial", later)).broken == []


def test_what_a_plugin_prints_while_it_is_loaded_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = GOOD.replace("    yield", "    print('hooked')\n    yield") + "\nprint('imported')\n"
    assert load(written(tmp_path, "loud", loud)).find("matcher", "mine")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "imported\nhooked\n"


def test_a_missing_package_gives_the_line_to_type(tmp_path: Path) -> None:
    needs = "requires=('json', 'no_such_module=its-pip-name>=2', 'no_parent.inner')"
    path = written(tmp_path, "trial", GOOD.replace('licence="MIT"', needs))
    registry = load(path)
    assert registry.broken == []
    with pytest.raises(PluginError, match="needs a package") as caught:
        registry.resolve("matcher", "mine")
    assert "pip install its-pip-name>=2 no_parent.inner" in str(caught.value)


def test_settings_are_checked_against_the_plugin(tmp_path: Path) -> None:
    registry = load(written(tmp_path, "trial", GOOD))
    with pytest.raises(GridError, match=r"matcher 'mine': no setting 'ration' \(did you mean 'ratio'\?\)"):
        registry.resolve("matcher", "mine[ration=0.7]")
    with pytest.raises(GridError, match="it has: features, max_keypoints, ratio"):
        registry.resolve("matcher", "mine[zzz=0.7]")
    with pytest.raises(GridError, match="max_keypoints = 'many'"):
        registry.resolve("matcher", "mine[max_keypoints=many]")


def test_one_file_may_offer_plugins_of_several_kinds(tmp_path: Path) -> None:
    more = """
from harness import FusionSpec

@hookimpl
def harness_fusions():
    yield FusionSpec(name="f", version="1", build=build)
"""
    registry = load(written(tmp_path, "trial", GOOD + more))
    assert registry.find("matcher", "mine").source == registry.find("fusion", "f").source


def test_building_is_lazy(tmp_path: Path) -> None:
    path = written(tmp_path, "trial", GOOD.replace('return ("built", config.ratio)', "raise RuntimeError('built')"))
    choice = load(path).resolve("matcher", "mine")
    choice.identity()
    with pytest.raises(RuntimeError, match="built"):
        choice.build()


def test_availability_that_fails_is_the_plugins_error() -> None:
    spec = MatcherSpec(name="m", version="1", build=print, unavailable=lambda config: "" + 1)  # type: ignore[operator]
    with pytest.raises(PluginError, match="matcher 'm' cannot tell whether it is available: TypeError"):
        Choice(spec, Config()).unavailable()


OBSERVER = """
from harness import hookimpl
seen = []

@hookimpl
def harness_stage_finished(stage, cached):
    seen.append((stage, cached))

@hookimpl
def harness_cell_finished(record):
    seen.append(record["status"])
"""


def test_observers_are_called_with_the_arguments_that_they_name(tmp_path: Path) -> None:
    registry = load(written(tmp_path, "watch", OBSERVER))
    module: Any = next(p for p in registry.manager.get_plugins() if hasattr(p, "seen"))
    registry.manager.hook.harness_stage_finished(stage="train", key="k", seconds=1.0, cached=False)
    registry.tell("harness_stage_finished", stage="embed", key="k", seconds=1.0, cached=True)
    registry.tell("harness_cell_finished", record={"status": "ok"})
    assert module.seen == [("train", False), ("embed", True), "ok"]


def test_an_observer_that_fails_stops_neither_the_run_nor_the_others(tmp_path: Path) -> None:
    failing = "from harness import hookimpl\n@hookimpl\ndef harness_cell_finished():\n    raise RuntimeError('tired')"
    registry = load(written(tmp_path, "watch", OBSERVER), written(tmp_path, "failing", failing))
    with pytest.warns(UserWarning, match="harness_cell_finished of plugin .*failing.* failed: RuntimeError: tired"):
        registry.tell("harness_cell_finished", record={"status": "ok"})
    module: Any = next(p for p in registry.manager.get_plugins() if hasattr(p, "seen"))
    assert module.seen == ["ok"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A separate package as pip would have installed it: a matcher whose code lies in a module beside the hook."""
    site = tmp_path / "site"
    written(
        site / "stripes",
        "__init__",
        GOOD.replace("def build(config):", "from .core import net\n\ndef build(config):\n    net.run()"),
    )
    written(site / "stripes" / "core", "__init__", "")
    written(site / "stripes" / "core", "net", "def run():\n    return 1\n")
    written(site / "faulty", "__init__", "raise RuntimeError('faulty')")
    info = site / "reid_stripes-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-stripes\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[harness]\nstripes = stripes\nfaulty = faulty\nagain = stripes\n")
    return site


def test_a_separate_package_is_found_by_its_entry_point(harness: Run, package: Path) -> None:
    rows = json.loads(harness("plugins", "list", "--json", PYTHONPATH=str(package)).stdout)
    (mine,) = [row for row in rows if row["name"] == "mine"]
    assert {k: mine[k] for k in ("kind", "version", "source", "status", "licence")} == {
        "kind": "matcher",
        "version": "3",
        "source": "package reid-stripes 1.2",
        "status": "ok",
        "licence": "MIT",
    }
    (broken,) = [row for row in rows if row["status"].startswith("broken")]
    assert broken["name"] == "faulty"
    assert "RuntimeError: faulty" in broken["status"]
    assert any(row["source"].startswith("in-tree") for row in rows)


def test_the_code_of_a_package_is_all_that_it_imports_of_itself(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from harness.fingerprint import code_hash

    monkeypatch.syspath_prepend(package)
    hashes = []
    for text in ("def run():\n    return 1\n", "def run():\n    return 2\n"):
        written(package / "stripes" / "core", "net", text)
        for name in [name for name in sys.modules if name.partition(".")[0] == "stripes"]:
            monkeypatch.delitem(sys.modules, name)
        code_hash.cache_clear()
        hashes.append(load().resolve("matcher", "mine").identity()["code"])
    assert hashes[0] != hashes[1]


def test_the_list_shows_everything_and_what_is_wrong_with_it(harness: Run, tmp_path: Path) -> None:
    written(tmp_path, "trial", GOOD)
    written(tmp_path, "twin", GOOD)
    written(tmp_path, "typo", hook(f"yield {SPEC}").replace("harness_matchers", "harness_matcher"))
    named = ["--plugin", "trial.py", "--plugin", "twin.py", "--plugin", "typo.py"]
    done = harness("plugins", "list", "--json", *named)
    rows = json.loads(done.stdout)
    assert done.stderr.count("is broken") == 1
    for row in rows:
        assert set(row) >= {"kind", "name", "version", "source", "status", "licence"}
    assert [row["status"].partition(":")[0] for row in rows if row["name"] == "mine"] == ["clash", "clash"]
    (typo,) = [row for row in rows if row["name"] == "typo"]
    assert "harness_matcher" in typo["status"]
    table = harness("plugins", "list", *named).stdout
    assert "harness_matcher" in table
    assert "\x1b[" not in table
