"""Records for tests of results and leaderboards."""

from __future__ import annotations

from typing import Any

from harness.record import Metric, RunRecord

POLICY = {
    "scope": "all",
    "level": "image",
    "average": "query",
    "unknown": "drop",
    "ties": "global-then-hash",
    "shortlist": 100,
    "leaks": ["bytes", "near"],
}


def record(cell: str = "c0", **fields: Any) -> RunRecord:
    """A row that ran, unless ``fields`` say otherwise."""
    given: dict[str, Any] = {
        "cell": cell,
        "grid": "demo",
        "protocol": "study",
        "protocol_hash": "a" * 64,
        "protocol_fields": POLICY,
        "dataset": "synthetic-herd[individuals=8]",
        "backbone": "resnet50",
        "loss": "arcface",
        "matcher": "mutual-nn[max_keypoints=48]",
        "fusion": "replace",
        "openset": "threshold",
        "seed": 0,
        "status": "ok",
        "metrics": {"R-1": metric(0.5), "AUROC": Metric(value=None, n=0), "tie rate": metric(0.1)},
        "counts": {"n_known": 40, "n_new": 10, "n_dropped": 10, "n_gallery": 200},
        "seconds": {"train": 12.3, "embed": 1.0},
        "cached": {"train": True, "embed": False},
        **fields,
    }
    return RunRecord(**given)


def metric(value: float) -> Metric:
    """A metric with an interval."""
    return Metric(value=value, n=40, low=max(value - 0.1, 0), high=min(value + 0.1, 1))
