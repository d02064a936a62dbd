"""The report: counts by data set, copies and confusions by name, long lists cut with their number told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import report
from harness.audit.leaks import LeakPair
from harness.audit.report import Audit, audit, leaks_of
from harness.protocol import Data, Protocol
from harness.table import ImageTable

ROWS = (
    # path, identity, dataset, role, digest, pixels, phash, group
    ("q0", "Tom", "Cats", "query", "1", "1", 0, ""),
    ("q1", "Tom", "Cats", "query", "2", "2", 1 << 60, "g"),
    ("q2", "Rex", "Dogs", "query", "3", "3", 0xFFFF, ""),
    ("t0", "Tom", "Cats", "train", "1", "1", 0, ""),
    ("t1", "Tom", "Cats", "train", "4", "4", 1 << 40, "g"),
    ("t2", "tom", "Cats", "validation", "5", "2", 1 << 60, ""),
    ("t3", "Rex", "Dogs", "train", "6", "6", 0xFF00FF, ""),
    ("t4", "Rex", "Dogs", "train", "6", "6", 0xFF00FF, ""),
)


def data(**columns: Any) -> Data:
    names = ("path", "identity", "dataset", "role", "digest", "pixels")
    given = {name: np.array([str(row[i]) for row in ROWS]) for i, name in enumerate(names)}
    given |= {"phash": np.array([f"{row[6]:016x}" for row in ROWS]), "group": np.array([row[7] for row in ROWS])}
    table = ImageTable(root=Path("/"), image_id=given["path"], **(given | columns))
    return Data(Protocol(), table, "pets", "f" * 64, {})


def findings(found: Audit) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {finding.name: (finding.n, finding.examples) for finding in found.findings}


def made(of: Data, near_bits: int | None = None) -> Audit:
    return audit(of, leaks_of(of, near_bits))


def test_leaked_queries_are_counted_by_data_set() -> None:
    found = made(data(), near_bits=1)
    assert found.leaked["Cats"] == {"queries": 2, "bytes": 1, "pixels": 2, "near": 2, "group": 1, "any": 2}
    assert found.leaked["Dogs"] == {"queries": 1, "bytes": 0, "pixels": 0, "near": 0, "group": 0, "any": 0}
    assert found.leaked["all"] == {"queries": 3, "bytes": 1, "pixels": 2, "near": 2, "group": 1, "any": 2}
    numbers = {"bytes": 1, "pixels": 1, "near": 3, "group": 1}  # worked by hand
    assert {kind: listing.n for kind, listing in found.pairs.items()} == numbers
    (pair,) = found.pairs["pixels"].pairs
    assert (pair.query, pair.gallery, pair.query_identity, pair.gallery_identity) == ("q1", "t2", "Tom", "tom")


def test_the_bits_of_the_protocol_count_where_none_are_given() -> None:
    assert made(data(), near_bits=16).leaked["Dogs"]["near"] == 1  # ffff and ff00ff differ in 16 bits
    assert made(data()).leaked["Dogs"]["near"] == 0
    assert data().protocol.near_bits == 4


def test_copies_and_confusions_are_named() -> None:
    found = findings(made(data()))
    assert found["copied files"] == (2, ("q0 = t0", "t3 = t4"))
    assert found["leaked files"] == (1, ("q0 = t0",))
    assert found["copied pictures"] == (1, ("q1 = t2",))
    assert found["torn pictures"] == (1, ("q1 = t2",))
    assert found["alike names"] == (1, ("Tom = tom (spelling)",))
    assert found["single photographs"] == (1, ("tom",))
    assert found["no individuals"] == (0, ())


def test_a_near_duplicate_of_another_individual_is_named_once_it_is_no_copy() -> None:
    changed = data(pixels=[str(n) for n in range(len(ROWS))])
    assert findings(made(changed, near_bits=0))["near-duplicates of others"] == (1, ("q1 = t2",))


def test_what_cannot_be_looked_for_is_told_and_not_counted_as_none() -> None:
    found = made(data(group=[""] * len(ROWS)))
    assert found.unchecked == {"group": "the data set gives no group and no date", "photograph": "not looked for"}
    assert "group" not in found.pairs
    dated = data(group=[""] * len(ROWS), date=["2020-01-01"] * len(ROWS))
    assert set(made(dated).unchecked) == {"photograph"}


def test_photographs_and_neighbours_are_listed_where_they_were_looked_for() -> None:
    from harness.audit.photographs import Photograph

    of = data()
    leaks = leaks_of(of, None, {(2, 3): Photograph(9, 1.0, 0.95)})
    found = audit(of, leaks, [LeakPair("neighbour", 2, 4, 0.01)])
    assert found.leaked["Dogs"]["photograph"] == 1
    assert [(p.query, p.gallery, p.distance) for p in found.pairs["photograph"].pairs] == [("q2", "t3", 0.05)]
    assert [(p.query, p.gallery) for p in found.pairs["neighbour"].pairs] == [("q2", "t4")]
    assert found.unchecked == {}


def test_long_lists_are_cut_and_their_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LISTED", 1)
    found = made(data(), near_bits=1)
    assert (found.pairs["near"].n, len(found.pairs["near"].pairs)) == (3, 1)
    assert findings(found)["copied files"] == (2, ("q0 = t0",))


def test_it_is_plain_json() -> None:
    plain = made(data()).as_json()
    assert json.loads(json.dumps(plain))["leaked"]["all"]["queries"] == 3
    assert plain["protocol_hash"] == data().protocol_hash
