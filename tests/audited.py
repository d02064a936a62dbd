"""A background audit, made up."""

from __future__ import annotations

from harness.audit.background import Answer, Background, Looked
from harness.audit.on_animal import Share
from harness.metrics.intervals import Estimate

HALF = Estimate(0.5, 10, 0.2, 0.8)
SHARE = Share("right", "query", HALF, HALF, HALF, HALF, 4, 3)
ANSWERS = (Answer("original", HALF, None, None), Answer("animal hidden", HALF, Estimate(-0.1, 10), 0.04))
FOUND = Background(
    dataset="herd",
    protocol="official",
    protocol_hash="ab" * 32,
    masks="exact",
    settings={"queries": 10, "shortlist": 5, "seed": 0},
    left_out=1,
    within=HALF,
    embedding=Looked("net + none", ANSWERS, (), HALF),
    matchers=(Looked("mutual-nn", ANSWERS, ANSWERS, HALF, (SHARE,)),),
    skipped={"loftr": "no weights"},
)
