"""Views on hand-made rankings: policies, averages and parts, each against a plain count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.answers import Decisions
from harness.protocol import Protocol
from harness.references import majority, references
from harness.scoring import Finished, score
from harness.table import ImageTable
from harness.types import NEW, Ranking
from harness.views import Asked, Policy, asked, averaged, outcomes, views

PROTOCOL = Protocol(ks=(1, 2, 4), shortlist=4)


def table(role: str, identity: str, dataset: str = "", **columns: list[str]) -> ImageTable:
    n = len(identity)
    ids = np.array([f"{role[0]}{i}" for i in range(n)])
    names = np.array(list(identity))
    data = np.array(list(dataset or "x" * n))
    known = np.array([name in "abc" for name in identity])
    own = {"species": np.full(n, "zebra"), "role": np.full(n, role), "known": known, **columns}
    return ImageTable(Path(), ids, np.array([f"{name}.jpg" for name in ids]), names, dataset=data, **own)


QUERY = table("query", "aabcz", "xxxyy", orientation=["left", "left", "right", "left", "right"])
GALLERY = table("gallery", "aabbbc", "xxxxxy")
ORDER = np.array([[0, 2, 3, 5], [2, 3, 0, 5], [5, 0, 1, 3], [0, 1, 2, 3], [5, 4, 3, 2]], np.int32)
SCORES = np.array([[4, 3, 2, 1], [3, 3, 3, 1], [4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1.0]])
FINAL = Ranking(QUERY.image_id, GALLERY.image_id, ORDER, SCORES)
HITS = [1, 3, 4, 0, 0]
SEEN = asked(QUERY, GALLERY, (np.full(5, ""), np.full(6, "")), np.array([True, False, False, False, False]))


def decisions(said: str) -> Decisions:
    first = GALLERY.identity[ORDER[:, 0]]
    known = np.array([letter == "k" for letter in said])
    return Decisions(QUERY.image_id, np.where(known, first, NEW), known.astype(float), known * 1.0)


def test_what_a_query_sees_is_counted_within_its_scope() -> None:
    assert SEEN.candidates.tolist() == [6] * 5
    assert SEEN.relevant.tolist() == [2, 2, 3, 1, 0]
    within = asked(QUERY, GALLERY, (QUERY.dataset, GALLERY.dataset), SEEN.leaked)
    assert within.candidates.tolist() == [5, 5, 5, 1, 1]
    assert within.relevant.tolist() == [2, 2, 3, 1, 0]


@pytest.mark.parametrize(
    ("unknown", "said", "expected"),
    [
        ("drop", "kkkkk", [1, 0, 0, 0, np.nan]),
        ("wrong", "kkkkk", [1, 0, 0, 0, 0]),
        ("answer", "kkkkk", [1, 0, 0, 0, 0]),
        ("answer", "nkkkn", [0, 0, 0, 0, 1]),
    ],
)
def test_new_queries_are_dropped_wrong_or_answered(unknown: str, said: str, expected: list[float]) -> None:
    own = outcomes(PROTOCOL, SEEN, FINAL, decisions(said), Policy("image", unknown))  # type: ignore[arg-type]
    assert np.array_equal(own["R-1"], expected, equal_nan=True)


def test_a_known_animal_called_new_is_found_one_place_later() -> None:
    own = outcomes(PROTOCOL, SEEN, FINAL, decisions("nnnnn"), Policy("image", "answer"))
    assert own["R-2"].tolist() == [1, 0, 0, 0, 1]
    assert own["R-4"].tolist() == [1, 1, 0, 0, 1], "a hit at place 4 moves behind the end"


def test_averages_count_queries_identities_or_data_sets_alike() -> None:
    column = {"R-1": np.array([1.0, 1.0, 0.0, 0.0, np.nan])}
    values = {average: averaged(column, QUERY, average)["R-1"] for average in ("query", "identity", "dataset")}
    assert values["query"].value == pytest.approx(2 / 4)
    assert values["identity"].value == pytest.approx((1 + 0 + 0) / 3)
    assert values["dataset"].value == pytest.approx((2 / 3 + 0) / 2)
    assert {found.n for found in values.values()} == {4}


def test_every_part_of_the_queries_has_its_own_view() -> None:
    own = outcomes(PROTOCOL, SEEN, FINAL, None, Policy("image", "drop"))
    found = {name: view["R-1"] for name, view in views(PROTOCOL, SEEN, FINAL, None, own).items()}
    shown = {name: (found[name].value, found[name].n) for name in found}
    assert shown["leak=some"] == (1, 1)
    assert shown["leak=none"] == (0, 3)
    assert shown["leak=none in x"] == (0, 2)
    assert "leak=none in y" not in shown, "nothing leaks there"
    assert shown["dataset=x"] == (pytest.approx(1 / 3), 3)
    assert shown["orientation=left"] == (pytest.approx(1 / 3), 3)
    assert shown["gallery photos=2-3"] == (pytest.approx(1 / 3), 3)
    assert shown["gallery photos=1"] == (0, 1)
    assert shown["unknown=wrong"] == (pytest.approx(1 / 5), 5)
    assert shown["ties=random"] == (pytest.approx((1 + 1 / 3) / 4), 4), "three candidates share the second query's top"
    assert "unknown=answer" not in shown, "no rule decided"
    assert not any(name.startswith("species=") for name in shown), "one species is no part"
    parts = [name for name in shown if name.startswith("dataset=")]
    assert sum(shown[name][0] * shown[name][1] for name in parts if shown[name][1]) == pytest.approx(1)


def test_adding_new_queries_changes_no_known_only_number() -> None:
    def primary(seen: Asked, ranking: Ranking) -> dict[str, object]:
        return score(PROTOCOL, seen, Finished(ranking, ranking)).info["metrics"]

    rows = QUERY.known
    alone = replace(
        SEEN, query=QUERY.select(rows), **{n: getattr(SEEN, n)[rows] for n in ("candidates", "relevant", "leaked")}
    )
    without = Ranking(QUERY.image_id[rows], GALLERY.image_id, ORDER[rows], SCORES[rows])
    both, known = primary(SEEN, FINAL), primary(alone, without)
    for name in ("R-1", "R-2", "R-4", "mAP@4", "MAP@R", "balanced accuracy"):
        assert both[name] == known[name], name


def test_the_score_of_a_cell_holds_metrics_views_and_outcomes() -> None:
    value = score(PROTOCOL, SEEN, Finished(FINAL, FINAL, decisions("kkkkn")))
    metrics = value.info["metrics"]
    assert value.arrays["first_hit"].tolist() == HITS
    assert metrics["R-1"]["value"] == 1 / 4
    assert metrics["balanced accuracy"]["value"] == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert metrics["mAP@4"]["value"] == pytest.approx(np.mean([0.5, (1 / 3) / 2, (1 / 4) / 3, 0]))
    assert metrics["MAP@R"]["value"] == pytest.approx(np.mean([0.5, 0, 0, 0]))
    assert metrics["R-1 no leak"]["value"] == 0
    assert (metrics["BAUS"]["value"], metrics["BAKS"]["value"]) == (1, pytest.approx(1 / 6))
    assert value.info["counts"] == {"n_dropped": 1, "n_leaked": 1}


def test_where_only_individuals_were_ranked_nothing_is_said_of_images() -> None:
    protocol = Protocol(ks=(1, 2), shortlist=4, level="identity")
    value = score(protocol, SEEN, Finished(FINAL, FINAL, image_level=False))
    assert not {"mAP@4", "MAP@R"} & set(value.info["metrics"])
    assert not any(name.startswith("level=") for name in value.info["views"])


def test_the_rows_to_compare_with_are_chance_and_majority() -> None:
    chance, never, always = references(PROTOCOL, SEEN, (np.full(5, ""), np.full(6, "")))
    assert [(row.name, row.openset) for row in (chance, never, always)] == [
        ("chance", "none"),
        ("majority", "never-new"),
        ("majority", "always-new"),
    ]
    # one random image of six: the share of relevant ones
    assert chance.value.info["metrics"]["R-1"]["value"] == pytest.approx(np.mean([2, 2, 3, 1]) / 6)
    metrics = never.value.info["metrics"]
    assert metrics["R-1"]["value"] == 1 / 4, "b has most gallery images, and one query of four shows it"
    assert (metrics["BAKS"]["value"], metrics["BAUS"]["value"]) == (pytest.approx(1 / 3), 0)
    metrics = always.value.info["metrics"]
    assert (metrics["BAKS"]["value"], metrics["BAUS"]["value"], metrics["BAKS-BAUS mean"]["value"]) == (0, 1, 0)


def test_majority_looks_into_the_scope_of_the_query_only() -> None:
    ranking = majority(SEEN, 3, QUERY.dataset, GALLERY.dataset)
    assert GALLERY.identity[ranking.order[0]].tolist() == ["b", "b", "b"]
    assert ranking.order[3].tolist() == [5, -1, -1]
