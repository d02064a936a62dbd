"""Rows that moved or vanished since a commit, and what excuses a move: a new plugin version, or a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import DataError
from harness.fingerprint import digest
from harness.guard.found import Folder, Key
from harness.guard.outcomes import TOLERANCE
from harness.guard.reasons import Reason
from harness.record import Metric, RunRecord, unpack_flags, unpack_hits
from harness.results import Queries

LABELS = ("status", "kind", "dataset", "backbone", "loss", "matcher", "fusion", "openset", "seed")
Scores = Mapping[str, Any]
"""What must not move, flat: name -> number, text or list. What a row does not hold is not in it."""


@dataclass(frozen=True)
class Move:
    """A row (``cell`` ``*``: the queries of a protocol) whose scores changed; ``old`` and ``new`` are their digests."""

    protocol_hash: str
    cell: str
    old: str
    new: str
    where: str
    told: str

    @property
    def key(self) -> Key:
        """See :data:`harness.guard.found.Key`."""
        return self.protocol_hash, self.cell


def moves(before: Folder, now: Folder, ref: str) -> Iterator[Move]:
    """All moves that no new version excuses. What a row has gained (a metric, say) is no move."""
    there = {row.key: row for row in now.rows}
    for row in {row.key: row for row in before.rows}.values():
        new = there.get(row.key)
        if new is None:
            told = f"{_title(row.record)} vanished; at {ref} it stood in {row.where}"
            yield Move(*row.key, _digest(scores(row.record)), "", row.file, told)
        elif not _newer(row.record, new.record):
            yield from _moved(row.key, new.where, _title(new.record), scores(row.record), scores(new.record))
    for name in sorted(before.queries.keys() & now.firsts.keys()):
        old_queries, new_queries = named(before.queries[name]), named(now.queries.get(name))
        yield from _moved((name, "*"), "queries", f"the queries of protocol {name[:12]}", old_queries, new_queries)


def unexplained(found: Iterable[Move], reasons: Iterable[Reason]) -> list[Move]:
    """The moves that the reasons do not lead through, one after the other, from the old scores to the new."""
    steps: dict[tuple[str, str, str], set[str]] = {}
    for reason in reasons:
        steps.setdefault((reason.protocol_hash, reason.cell, reason.old), set()).add(reason.new)
    return [move for move in found if move.new not in _reached(move, steps)]


def scores(record: RunRecord) -> Scores:
    """The scores of a row."""
    flat: dict[str, Any] = {name: getattr(record, name) for name in LABELS}
    flat |= {f"train.{name}": value for name, value in record.train.items()}
    flat |= {f"counts.{name}": value for name, value in record.counts.items()}
    flat |= _numbers("metrics", record.metrics)
    for view, metrics in record.views.items():
        flat |= _numbers(f"views.{view}", metrics)
    flat |= {"first_hits": _unpacked(record.first_hits), "said_known": _unpacked(record.said_known, True)}
    flat["ranking"] = record.ranking
    return {name: value for name, value in flat.items() if value not in ("", [])}


def named(queries: Queries | None) -> Scores:
    """The columns of a protocol's queries."""
    if queries is None:
        return {}
    columns = {
        name: getattr(queries, name) for name in ("image_id", "identity", "known", "leaked", "dataset", "species")
    }
    return {name: values.tolist() for name, values in columns.items() if values is not None}


def _numbers(place: str, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    return {
        f"{place}.{name}.{part}": value
        for name, metric in metrics.items()
        for part, value in metric.model_dump().items()
    }


def _unpacked(text: str, flags: bool = False) -> Any:
    """The numbers themselves: packed by another zlib, the same numbers are another text."""
    try:
        return (unpack_flags(text) if flags else unpack_hits(text)).tolist() if text else ""
    except DataError:
        return text


def _moved(key: Key, where: str, title: str, old: Scores, new: Scores) -> Iterator[Move]:
    changed = [name for name, value in old.items() if name not in new or not _same(value, new[name])]
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        told = f"{title}: {changed[0]} {_short(old[changed[0]])} -> {_short(new.get(changed[0]))}{more}"
        yield Move(*key, _digest(old), _digest(new) if new else "", where, told)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, int | float):
        return abs(old - new) <= TOLERANCE
    return bool(old == new)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


def _digest(value: Scores) -> str:
    """16 hex digits; numbers count to nine decimals, as in the comparison."""
    return digest({name: f"{v:.9f}" if isinstance(v, float) else v for name, v in value.items()})[:16]


def _newer(old: RunRecord, new: RunRecord) -> bool:
    """Whether a plugin that both name has another version."""
    pairs = ((old.plugins[axis], new.plugins[axis]) for axis in old.plugins.keys() & new.plugins.keys())
    named = ((a, b) for a, b in pairs if isinstance(a, Mapping) and isinstance(b, Mapping))
    return any(a.get("name") == b.get("name") and a.get("version") != b.get("version") for a, b in named)


def _title(record: RunRecord) -> str:
    recipe = " / ".join((record.backbone, record.loss, record.matcher, record.fusion, record.openset))
    return f"cell {record.cell} ({recipe}, seed {record.seed})"


def _reached(move: Move, steps: Mapping[tuple[str, str, str], set[str]]) -> set[str]:
    """Digests that reasons lead to from the old one, in any number of steps."""
    reached: set[str] = set()
    ahead = [move.old]
    while ahead:
        new = steps.get((*move.key, ahead.pop()), set()) - reached
        reached |= new
        ahead += new
    return reached
