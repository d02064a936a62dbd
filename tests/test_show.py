"""``harness show``: what it tells of a pair, which row it asks, and what it says where something is lacking."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support import BACKBONE, HERD

from harness.cli import main
from harness.progress import Quiet
from harness.registry import Registry
from harness.replay import Replay
from harness.report.chapter import Chapter, chapters
from harness.results import Results
from harness.store import Store
from harness.types import LocalFeatures, PairMatches

pytestmark = pytest.mark.slow
GRID = f"""
[grid]
name = "shown"

[protocol]
dataset = "{HERD}"
ks = [1, 5{{more}}]
shortlist = 10
validation_images = 0.25
validation_individuals = 0.25

[axes]
backbone = "{BACKBONE}"
matcher = ["none", "mutual-nn[max_keypoints=48]"]
fusion = ["replace", "sum"]
openset = ["threshold", "always-new"]
"""


@dataclass(frozen=True)
class Shown:
    """A run under two protocols that ask the same queries of the same gallery, and one of them opened."""

    results: Path
    store: Path
    chapter: Chapter

    def call(self, *words: str | Path, store: Path | None = None, results: Path | None = None) -> Result:
        places = ("--results", results or self.results, "--store", store or self.store)
        return CliRunner().invoke(main, ["show", *map(str, (*words, *places))])

    def told(self, *words: str | Path) -> dict[str, Any]:
        done = self.call(*words, "--json")
        assert done.exit_code == 0, done.stderr
        read: dict[str, Any] = json.loads(done.stdout)
        return read

    @property
    def replay(self) -> Replay:
        found = self.chapter.replay(self.matched[0])
        assert found is not None
        return found

    @property
    def matched(self) -> list[Any]:
        """The rankings with a matcher, the best first."""
        return [record for record in self.chapter.rankings if record.matcher != "none"]

    def pair(self, place: int = 0) -> tuple[str, str]:
        """The first query, with what stands at this place of its shortlist."""
        gallery = int(self.replay.coarse.order[0, place])
        return str(self.replay.query.image_id[0]), str(self.replay.gallery.image_id[gallery])


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> Shown:
    folder = tmp_path_factory.mktemp("shown")
    store = Path(shutil.copytree(drawn, folder / "store"))
    own = {"HARNESS_STORE": str(store), "HARNESS_OFFLINE": "1", "HARNESS_DEVICE": "cpu", "NO_COLOR": "1"}
    for number, more in enumerate(("", ", 10")):
        (folder / f"{number}.toml").write_text(GRID.format(more=more))
        command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "--quiet", "--grid"]
        subprocess.run([*command, f"{number}.toml"], cwd=folder, env={**os.environ, **own}, check=True, timeout=600)
    opened = chapters(Results(folder / "results"), Store(store), Registry.load(), Quiet())
    assert len(opened) == 2
    return Shown(folder / "results", store, opened[0])


def error_of(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return result.stderr.replace("\n", " ")


def test_the_numbers_are_those_of_the_run(shown: Shown) -> None:
    replay = shown.replay
    assert replay.local is not None
    for place in range(4):
        told = shown.told(*shown.pair(place))
        gallery = int(replay.coarse.order[0, place])
        assert told["row"] == shown.matched[0].cell
        assert told["matches"] == replay.local.count[0, place]
        assert told["keypoints"] == [replay.local.keypoints[0], replay.local.candidate_keypoints[0, place]]
        assert told["place by embedding"] == place + 1
        assert told["place after"] == replay.final.order[0].tolist().index(gallery) + 1
        assert told["same individual"] == (replay.query.identity[0] == replay.gallery.identity[gallery])
        assert told["query identity"] == replay.query.identity[0]
        assert told["agree"] is None
        assert 0 <= told["on the animal"] <= told["matches"]
        assert told["out"] is None


def test_an_image_outside_the_shortlist_is_matched_all_the_same(shown: Shown) -> None:
    listed = set(shown.replay.coarse.order[0].tolist())
    outside = next(row for row in range(len(shown.replay.gallery)) if row not in listed)
    told = shown.told(shown.pair()[0], str(shown.replay.gallery.image_id[outside]))
    assert told["place by embedding"] is None
    assert told["place after"] is None
    assert told["keypoints"][1] > 0


def test_people_read_words(shown: Shown) -> None:
    done = shown.call(*shown.pair())
    assert done.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith(("matches", "agree")))
    assert lines["agree"].strip() == "-"
    assert " and " in next(line for line in done.stdout.splitlines() if line.startswith("keypoints"))
    assert "no geometric check" in done.stderr


def test_a_picture_is_drawn_and_replaces_an_older_one(shown: Shown, tmp_path: Path) -> None:
    from PIL import Image as Pil

    out = tmp_path / "pair.png"
    out.write_text("older")
    done = shown.call(*shown.pair(), "--out", out)
    assert done.exit_code == 0, done.stderr
    assert f"Written to {out}" in done.stderr
    with Pil.open(out) as picture:
        assert picture.width > picture.height > 400
    assert shown.told(*shown.pair(), "--out", out)["out"] == str(out)


def test_a_picture_that_cannot_be_written_is_refused_at_once(shown: Shown, tmp_path: Path) -> None:
    for out, reason in ((tmp_path / "pair.gif", "must end with one of"), (tmp_path / "no" / "a.png", "no folder")):
        done = shown.call("nobody", "nothing", "--out", out)
        assert done.exit_code == 2
        assert reason in done.stderr.replace("\n", " ")


def test_a_row_goes_by_the_head_of_any_of_its_cells(shown: Shown) -> None:
    worse = shown.matched[-1]
    assert worse.cell != shown.matched[0].cell
    assert shown.told(*shown.pair(), "--row", worse.cell[:8])["row"] == worse.cell
    rules = shown.chapter.rules(worse)
    assert len(rules) == 2
    assert {shown.told(*shown.pair(), "--row", rule.cell)["row"] for rule in rules} == {worse.cell}


def test_a_row_without_a_matcher_or_of_no_one_is_told(shown: Shown) -> None:
    bare = next(r for r in shown.chapter.rankings if r.matcher == "none" and r.kind == "cell")
    for row in (bare.cell, "zzzz"):
        assert f"no row with a matcher has a cell that begins with {row!r}" in error_of(
            shown.call(*shown.pair(), "--row", row)
        )


def test_a_head_of_several_cells_is_refused(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    import harness.report.chapter as module

    twins = [replace_cell(record, f"aa{record.cell[2:]}") for record in shown.chapter.records]
    alike = replace(shown.chapter, records=twins)
    monkeypatch.setattr(module, "chapters", lambda *_: [alike])
    assert "2 rankings with a matcher have a cell that begins with 'aa'" in error_of(
        shown.call(*shown.pair(), "--row", "aa")
    )


def replace_cell(record: Any, cell: str) -> Any:
    return record.model_copy(update={"cell": cell})


def test_other_protocols_that_ask_the_query_are_named_and_can_be_chosen(shown: Shown) -> None:
    opened = chapters(Results(shown.results), Store(shown.store), Registry.load(), Quiet())
    one, other = (chapter.folder for chapter in opened)
    assert shown.told(*shown.pair())["protocol"] == one
    note = f"the protocol {other} asks this query too: --row {other}/"
    assert note in shown.call(*shown.pair()).stderr
    assert shown.told(*shown.pair(), "--row", f"{other}/")["protocol"] == other
    cell = shown.matched[-1].cell
    assert note in shown.call(*shown.pair(), "--row", cell).stderr, "protocols share cells"
    told = shown.call(*shown.pair(), "--row", f"{other}/{cell[:8]}")
    assert other in told.stdout
    assert "asks this query too" not in told.stderr
    assert f"no protocol begins with 'mine'. There are: {one}, {other}".replace(". ", "   ") in error_of(
        shown.call(*shown.pair(), "--row", "mine/")
    )


def test_unknown_images_are_told_with_the_nearest_names(shown: Shown) -> None:
    query, gallery = shown.pair()
    told = error_of(shown.call(query[:-1], gallery))
    assert "there is no query" in told
    assert query in told.split("Did you mean")[1]
    told = error_of(shown.call(query, f"{gallery}x"))
    assert "there is no gallery image" in told
    assert gallery in told


def test_without_records_matchers_or_store_it_says_what_to_do(shown: Shown, tmp_path: Path) -> None:
    assert "there are no records" in error_of(shown.call("a", "b", results=tmp_path / "nothing"))
    assert "nothing of these rows" in error_of(shown.call(*shown.pair(), store=tmp_path / "empty"))
    bare = Path(shutil.copytree(shown.results, tmp_path / "bare"))
    for path in (bare / "records").glob("*.jsonl"):
        lines = [line for line in path.read_text().splitlines() if json.loads(line)["matcher"] == "none"]
        path.write_text("\n".join(lines) + "\n")
    assert "no row has a matcher" in error_of(shown.call(*shown.pair(), results=bare))


def test_what_the_store_has_lost_is_told(shown: Shown, tmp_path: Path) -> None:
    store = Path(shutil.copytree(shown.store, tmp_path / "other"))
    shutil.rmtree(store / "collections" / "describe")
    told = error_of(shown.call(*shown.pair(), store=store))
    assert "the store no longer has the result of the stage describe" in told
    assert "Run the grid again" in told


def test_a_photograph_that_is_missing_is_needed_for_the_picture_alone(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import harness.report.chapter as module

    assert shown.chapter.data is not None
    moved = replace(shown.chapter.data.table, root=tmp_path, mask=np.full(len(shown.chapter.data.table), ""))
    lost = replace(shown.chapter, data=replace(shown.chapter.data, table=moved))
    monkeypatch.setattr(module, "chapters", lambda *_: [lost])
    assert shown.told(*shown.pair())["on the animal"] is None
    out = tmp_path / "pair.png"
    told = error_of(shown.call(*shown.pair(), "--out", out))
    assert str(shown.replay.query.path[0]).rsplit("/", 1)[-1] in told
    assert not out.exists()


def test_an_image_without_keypoints_is_drawn_without_lines_and_told(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Replay.matches

    def empty(self: Replay, pairs: list[tuple[int, int]]) -> list[Any]:
        zeros = np.zeros(0, np.float32)
        (seen,) = whole(self, pairs)
        bare = LocalFeatures(
            np.zeros((0, 2), np.float32), np.zeros((0, 8), np.float32), zeros, zeros, zeros, seen.query.size
        )
        return [replace(seen, query=bare, matches=PairMatches(np.zeros((0, 2), np.int32), zeros, zeros > 0))]

    monkeypatch.setattr(Replay, "matches", empty)
    done = shown.call(*shown.pair(), "--out", tmp_path / "pair.webp")
    assert done.exit_code == 0, done.stderr
    assert "the query has no keypoint, so there is nothing to match" in done.stderr
    assert (tmp_path / "pair.webp").is_file()
    assert shown.told(*shown.pair())["matches"] == 0


def test_text_from_data_is_no_markup(shown: Shown) -> None:
    told = error_of(shown.call("[red]x[/red]", shown.pair()[1]))
    assert "[red]x[/red]" in told
