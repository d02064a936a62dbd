"""Foreign predictions become the ranking that they state, or an error that names the line; writing gives them back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.answers import Decisions
from harness.errors import DataError, StoreError
from harness.metrics.ranking import first_hits
from harness.predictions import Predictions, read_predictions, write_predictions
from harness.table import ImageTable
from harness.types import NEW, Ranking

QUERIES, GALLERY = ("q1", "q2", "q3"), ("g1", "g2", "g3", "g4", "g5")
IDENTITY = ("zoe", "ada", "ada", "bob", "zoe")
GOOD = "query,rank,gallery\nq1,1,g2\nq1,2,g5\nq2,1,g1\nq3,1,g4\nq3,2,g1\nq3,3,g2\n"
DECIDED = "query,rank,gallery,new,confidence\nq1,1,g2,0,0.9\nq1,2,g5,,\nq2,1,g1,1,-3\nq3,1,g4,,\nq3,2,g1,0,0.5\n"


def table(ids: tuple[str, ...], identity: tuple[str, ...] | None = None) -> ImageTable:
    """Rows with an identity each."""
    paths = np.array([f"{name}.png" for name in ids])
    return ImageTable(Path(), np.array(ids), paths, np.array(identity or ("x",) * len(ids)))


def read(folder: Path, text: str, shortlist: int = 4, query: str = "aaa", gallery: str = "aaaaa") -> Predictions:
    """Read a text; scopes are given one letter an image, by default all the same."""
    path = folder / "foreign.csv"
    path.write_text(text, encoding="utf-8")
    scopes = np.array(list(query)), np.array(list(gallery))
    return read_predictions(path, table(QUERIES), table(GALLERY, IDENTITY), shortlist, *scopes)


def answers(ranking: Ranking) -> list[list[str]]:
    """Ids of the candidates of each query, no padding."""
    return [ranking.gallery_ids[row[row >= 0]].tolist() for row in ranking.order]


def test_ranks_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert answers(found.ranking) == [["g2", "g5"], ["g1"], ["g4", "g1", "g2"]]
    assert found.ranking.order.tolist() == [[1, 4, -1, -1], [0, -1, -1, -1], [3, 0, 1, -1]]
    assert found.ranking.scores[2].tolist() == [-1, -2, -3, -np.inf]
    assert (found.level, found.decisions, found.calibrated, found.cut) == ("image", None, False, 0)


def test_scores_alone_order_the_answers(tmp_path: Path) -> None:
    found = read(tmp_path, "query,gallery,score\nq1,g5,-2\nq1,g2,1e3\nq2,g1,0\nq3,g2,0.1\nq3,g4,0.3\nq3,g1,0.2\n")
    assert answers(found.ranking) == answers(read(tmp_path, GOOD).ranking)
    assert found.ranking.scores[0, :2].tolist() == [1000, -2]


def test_equal_scores_are_ordered_by_the_hash_and_not_by_the_file(tmp_path: Path) -> None:
    lines = [f"{q},{g},0.5" for q in QUERIES for g in GALLERY]
    one = answers(read(tmp_path, "\n".join(["query,gallery,score", *lines]), 5).ranking)
    assert one == answers(read(tmp_path, "\n".join(["query,gallery,score", *lines[::-1]]), 5).ranking)
    assert len({tuple(row) for row in one}) > 1, "tied queries do not share one order"


def test_ranks_decide_where_scores_are_equal(tmp_path: Path) -> None:
    lines = [f"{q},{6 - i},{g},7" for q in QUERIES for i, g in enumerate(GALLERY, 1)]
    text = "\n".join(["query,rank,gallery,score", *lines])
    assert answers(read(tmp_path, text, 5).ranking) == [list(GALLERY[::-1])] * 3


def test_what_is_beyond_the_shortlist_is_cut_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD, 1)
    assert answers(found.ranking) == [["g2"], ["g1"], ["g4"]]
    assert found.ranking.order.shape == (3, 1)
    assert found.cut == 3
    assert read(tmp_path, GOOD, 100).ranking.order.shape == (3, 5), "no longer than the gallery, as retrieval"


def test_an_individual_is_its_first_photograph_in_the_querys_scope(tmp_path: Path) -> None:
    text = "query,rank,identity\nq1,1,ada\nq1,2,zoe\nq2,1,zoe\nq3,1,bob\nq3,2,zoe\n"
    found = read(tmp_path, text)
    assert found.level == "identity"
    assert answers(found.ranking) == [["g2", "g1"], ["g1"], ["g4", "g1"]]
    scoped = read(tmp_path, text, query="bbb", gallery="aabbb")
    assert answers(scoped.ranking) == [["g3", "g5"], ["g5"], ["g4", "g5"]]
    wanted = np.array(["zoe", "ada", "zoe"])
    assert first_hits(found.ranking, wanted, np.array(IDENTITY), "identity").tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("q2,1,g1", "q9,1,g1", "line 4: query 'q9' is no query of this protocol"),
        ("q2,1,g1", "q2,1,g9", "line 4 (query 'q2'): gallery 'g9' is no gallery image of this protocol"),
        ("q2,1,g1", "q2,1,", "line 4 (query 'q2'): gallery '' is no gallery image"),
        ("q2,1,g1", "q2,1,q3", "line 4 (query 'q2'): gallery 'q3' is itself a query"),
        ("q2,1,g1\n", "", "no answer to 1 of 3 queries (first: 'q2')"),
        ("q1,2,g5", "q1,2,g2", "line 3 (query 'q1'): gallery 'g2' answers its query twice"),
        ("q1,2,g5", "q1,1,g5", "line 3 (query 'q1'): rank '1' stands twice"),
        ("q3,3,g2", "q3,4,g2", "line 7 (query 'q3'): rank '4' leaves a gap"),
        ("q2,1,g1", "q2,0,g1", "line 4 (query 'q2'): rank '0' is no whole number from 1 on"),
        ("q2,1,g1", "q2,1.5,g1", "rank '1.5' is no whole number from 1 on"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(DataError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert problem in str(caught.value)
    assert "foreign.csv" in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize("value", ["nan", "inf", "", "high"])
def test_a_score_must_be_a_finite_number(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=rf"line 3 \(query 'q2'\): score '{value}' is no finite number"):
        read(tmp_path, f"query,gallery,score\nq1,g1,1\nq2,g1,{value}\nq3,g1,1\n")


def test_rank_and_score_must_agree(tmp_path: Path) -> None:
    text = "query,rank,gallery,score\nq1,2,g2,0.4\nq1,1,g1,0.3\nq2,1,g1,1\nq3,1,g1,1\n"
    with pytest.raises(DataError, match=r"line 2 \(query 'q1'\): score '0.4' is higher than the score one rank before"):
        read(tmp_path, text)
    assert answers(read(tmp_path, text.replace("0.3", "0.4")).ranking)[0] == ["g1", "g2"]


def test_an_answer_outside_the_scope_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 5 \(query 'q3'\): gallery 'g4' is outside the query's scope"):
        read(tmp_path, GOOD, gallery="aaaba")
    text = "query,rank,identity\nq1,1,zoe\nq2,1,zoe\nq3,1,bob\n"
    with pytest.raises(DataError, match=r"line 4 \(query 'q3'\): identity 'bob' has no gallery image in the query's"):
        read(tmp_path, text, gallery="aaaba")
    with pytest.raises(DataError, match=r"identity 'eve' is no individual of the gallery"):
        read(tmp_path, text.replace("bob", "eve"))
    with pytest.raises(DataError, match=r"line 5 \(query 'q3'\): identity 'bob' answers its query twice"):
        read(tmp_path, text + "q3,2,bob\n")


def test_a_query_that_nobody_can_answer_needs_no_row(tmp_path: Path) -> None:
    text = "".join(line for line in DECIDED.splitlines(True) if not line.startswith("q2"))
    found = read(tmp_path, text, query="aba")
    assert answers(found.ranking)[1] == []
    assert found.decisions is not None
    assert found.decisions.identities.tolist() == ["ada", NEW, "bob"]
    assert found.decisions.confidence.tolist() == [0.9, 0.5, 0.5], (
        "as little sure of known as the least sure of the others"
    )
    assert found.decisions.probability.tolist() == [1, 0, 1]


def test_decisions_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, DECIDED).decisions
    assert found is not None
    assert found.identities.tolist() == ["ada", NEW, "bob"]
    assert found.confidence.tolist() == [0.9, -3, 0.5]
    assert found.probability.tolist() == [1, 0, 1]
    plain = read(tmp_path, "query,rank,gallery,new\nq1,1,g2,0\nq2,1,g1,1\nq3,1,g4,0\n")
    assert plain.decisions is not None
    assert plain.decisions.confidence.tolist() == [1, 0, 1]
    assert not plain.calibrated
    wrong = DECIDED.replace("confidence", "probability")
    assert read(tmp_path, wrong.replace("-3", "0.25")).calibrated
    with pytest.raises(DataError, match=r"line 4 \(query 'q2'\): probability '-3' is not within 0 to 1"):
        read(tmp_path, wrong)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("q1,2,g5,,", "q1,2,g5,1,", "line 3 (query 'q1'): new '1' differs from another row of its query"),
        ("q1,2,g5,,", "q1,2,g5,,0.8", "line 3 (query 'q1'): confidence '0.8' differs from another row"),
        ("q2,1,g1,1,-3", "q2,1,g1,,-3", "no row of query 'q2' has a value in 'new'"),
        ("q2,1,g1,1,-3", "q2,1,g1,1,", "no row of query 'q2' has a value in 'confidence'"),
        ("q2,1,g1,1,-3", "q2,1,g1,2,-3", "line 4 (query 'q2'): new '2' is not 0 or 1"),
        ("q2,1,g1,1,-3", "q2,1,g1,0.5,-3", "new '0.5' is not 0 or 1"),
    ],
)
def test_a_wrong_decision_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert DECIDED.count(old) == 1
    with pytest.raises(DataError) as caught:
        read(tmp_path, DECIDED.replace(old, new))
    assert problem in str(caught.value)


def drawn(seed: int, n_query: int, n_gallery: int, width: int, grid: int) -> tuple[Ranking, Decisions, ImageTable]:
    """A ranking of random lengths (at least 1), its scores on a grid so that some are equal, and decisions."""
    rng = np.random.default_rng(seed)
    order = np.stack([rng.permutation(n_gallery)[:width] for _ in range(n_query)]).astype(np.int32)
    scores = -np.sort(-np.round(rng.standard_normal(order.shape) * grid) / grid / 3, axis=1)
    padded = np.arange(width) >= rng.integers(1, width + 1, n_query)[:, None]
    order[padded], scores[padded] = -1, -np.inf
    gallery = table(tuple(f'g,"{i}' for i in range(n_gallery)), tuple(f"a{i % 4}" for i in range(n_gallery)))
    ids = np.array([f"ü{i}" for i in range(n_query)])
    answer = np.where(rng.random(n_query) < 0.4, NEW, gallery.identity[order[:, 0]])
    decided = Decisions(ids, answer, rng.standard_normal(n_query), rng.random(n_query))
    return Ranking(ids, gallery.image_id, order, scores), decided, gallery


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n_query=st.integers(1, 6), n_gallery=st.integers(1, 9), grid=st.sampled_from([1, 7]))
def test_what_is_written_is_read_again_in_whatever_order_its_rows_stand(
    seed: int, n_query: int, n_gallery: int, grid: int
) -> None:
    ranking, decided, gallery = drawn(seed, n_query, n_gallery, min(n_gallery, 5), grid)
    query = table(tuple(ranking.query_ids.tolist()))
    scopes = np.full(n_query, "s"), np.full(n_gallery, "s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.csv"
        write_predictions(path, ranking, decided)
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([head, *np.random.default_rng(seed).permutation(lines)]), encoding="utf-8")
        found = read_predictions(path, query, gallery, 5, *scopes)
    assert np.array_equal(found.ranking.order, ranking.order)
    assert np.array_equal(found.ranking.scores, ranking.scores)
    assert found.decisions is not None
    assert found.calibrated
    for column in ("query_ids", "identities", "confidence", "probability"):
        assert np.array_equal(getattr(found.decisions, column), getattr(decided, column)), column


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), n_gallery=st.integers(2, 9))
def test_individuals_keep_the_rank_that_they_have_among_photographs(seed: int, n_gallery: int) -> None:
    ranking, _, gallery = drawn(seed, 4, n_gallery, n_gallery, 3)
    lines = ["query,rank,identity"]
    for query, row in zip(ranking.query_ids, ranking.order, strict=True):
        named = dict.fromkeys(gallery.identity[row[row >= 0]].tolist())
        lines += [f"{query},{rank},{name}" for rank, name in enumerate(named, 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "individuals.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        scopes = np.full(4, ""), np.full(n_gallery, "")
        found = read_predictions(path, table(tuple(ranking.query_ids.tolist())), gallery, n_gallery, *scopes)
    wanted = np.array(["a0", "a1", "a2", "a3"])
    photographs = first_hits(ranking, wanted, gallery.identity, "identity")
    assert first_hits(found.ranking, wanted, gallery.identity, "identity").tolist() == photographs.tolist()
    assert first_hits(found.ranking, wanted, gallery.identity, "image").tolist() == photographs.tolist()


def test_without_decisions_four_columns_are_written(tmp_path: Path) -> None:
    ranking = read(tmp_path, GOOD).ranking
    write_predictions(tmp_path / "own.csv", ranking)
    lines = (tmp_path / "own.csv").read_text().splitlines()
    assert lines[:3] == ["query,rank,gallery,score", "q1,1,g2,-1.0", "q1,2,g5,-2.0"]
    assert len(lines) == 7
    other = Decisions(np.array(["q1"]), np.array(["ada"]), np.zeros(1), np.zeros(1))
    with pytest.raises(DataError, match="other queries"):
        write_predictions(tmp_path / "own.csv", ranking, other)
    with pytest.raises(StoreError, match="file of predictions"):
        write_predictions(tmp_path / "no" / "own.csv", ranking)
