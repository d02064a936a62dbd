"""The leaderboard as Markdown: rankings, findings, fusions, known or new, parts and seeds of each protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.leaderboard.differences import Differences, Queried, arms, differences
from harness.leaderboard.seeds import spreads
from harness.leaderboard.tables import (
    FIRST,
    answers,
    apart,
    heading,
    metric_names,
    percent,
    policy,
    ranked,
    ranking_names,
    recipe,
    tables,
    tested_as_shown,
    training,
    why_apart,
)
from harness.metrics.openset import NAMES as OPEN_SET
from harness.record import RunRecord

Cells = Sequence[str]
PARTS_SHOWN = ("leak", "average", "unknown", "ties", "dataset", "species", "orientation", "gallery photos")
RULED = "unknown=answer"
"""A view that hangs on the open-set rule, where a row stands for a ranking: it would show any one of its rules."""
NOTE = (
    'Values are per cent with 95 % intervals (bootstrap over identities). "vs coarse" is the difference in R-1 to the '
    "ranking without re-ranking, in points, with its interval and p (sign-flip test by identity, Holm's correction); "
    '"vs best" that to the best row, with the p of a range test, which allows for that row having been chosen; * marks '
    "a finding (p < 0.05)."
)

CUT = "pairs: the share that was matched; a cascade vouches for the first answer alone, not for R-20."


def markdown(records: Iterable[RunRecord], queried: Queried | None = None) -> str:
    """All tables; ``queried`` has the queries of each protocol, without which there are no paired tests."""
    parts = ["# Leaderboard", "", f"Made by `harness leaderboard` from `records/` and `queries/`. {NOTE}", ""]
    groups = tables(records)
    reasons = {first.protocol_hash: why_apart(first, earlier) for first, earlier in apart(groups)}
    for first, group in groups:
        parts += [f"## {escaped(heading(first))}", "", f"{escaped(policy(first))}.", ""]
        if first.protocol_hash in reasons:
            parts += [
                f"Not comparable with the table of the same title above: {escaped(reasons[first.protocol_hash])}."
            ]
            parts += [""]
        asked = (queried or {}).get(first.protocol_hash)
        if asked is None:
            parts += ["No paired tests: the queries of this protocol were not kept; run a cell of it again.", ""]
        elif not tested_as_shown(first):
            parts += [
                "The paired tests are on R-1 of known queries, each counting alike: not the R-1 of this table.",
                "",
            ]
        found = differences(group, asked)
        for section in (_rankings(group, found), _fusions(found), _decisions(group), _parts(group), _seeds(group)):
            parts += section
        others = [f"{r.status}: {' / '.join(_recipe(r))}: {r.reason}" for r in group if r.status != "ok"]
        parts += [*(f"- {escaped(text)}" for text in others), *([""] if others else [])]
    return "\n".join(parts).rstrip() + "\n"


def _rankings(group: Sequence[RunRecord], found: Differences) -> list[str]:
    rows = ranked(group)
    names = ranking_names(rows)
    tested = ["vs coarse", "vs best"] if found.best or found.coarse else []
    ruled = any(answers(row) for row in rows)
    start = ["backbone", "loss", "matcher", "fusion", "seed", "training", *(["open set"] if ruled else [])]
    cut = any("n_cascade_calibration" in row.counts for row in rows)
    header = [*start, *names, *tested, *(["pairs"] if cut else []), "seen", "seconds"]
    lines = []
    for row in rows:
        texts = [found.coarse.get(recipe(row)), found.best.get(recipe(row))] if tested else []
        told = [difference.text if difference else "" for difference in texts]
        values = [percent(row.metrics.get(name)) for name in names]
        seconds = f"{sum(row.seconds.values()):.0f}" if row.seconds else ""
        rule = [row.openset] if ruled else []
        pairs = [_matched(row)] if cut else []
        lines.append([*_ranking(row), *rule, *values, *told, *pairs, row.contamination, seconds])
    note = (
        "pairs: the share that was matched; a cascade answers for the first answer alone, not for R-20." if cut else ""
    )
    return titled("Rankings", header, lines, left=len(start), note=note)


def _matched(row: RunRecord) -> str:
    pairs, full = row.counts.get("pairs", 0), row.counts.get("pairs_full", 0)
    return f"{100 * pairs / full:.0f} %" if full else ""


def _fusions(found: Differences) -> list[str]:
    header = ["matcher", "fusion", "rows", "better *", "worse *", "mean", "least", "most"]
    lines = [
        [
            a.matcher,
            a.fusion,
            str(a.rows),
            str(a.better),
            str(a.worse),
            f"{a.mean:+.1f}",
            f"{a.least:+.1f}",
            f"{a.most:+.1f}",
        ]
        for a in arms(found)
    ]
    note = (
        "R-1 against the coarse ranking of the same backbone, loss, training and seed, over the rows of this table "
        "(points); * counts findings."
    )
    return titled("What re-ranking does to a backbone", header, lines, left=2, note=note)


def _decisions(group: Sequence[RunRecord]) -> list[str]:
    rows = [row for row in group if row.status == "ok" and any(name in row.metrics for name in OPEN_SET)]
    names = [name for name in metric_names(rows) if name in OPEN_SET]
    if not any(row.metrics["AUROC"].n for row in rows if "AUROC" in row.metrics):
        return []  # no new individuals were asked
    rows = sorted(rows, key=lambda row: -_value(row, "BAKS-BAUS mean"))
    lines = [
        [*_ranking(row), row.openset, *(percent(row.metrics.get(name)) for name in names), row.contamination]
        for row in rows
    ]
    header = ["backbone", "loss", "matcher", "fusion", "seed", "training", "open set", *names, "seen"]
    return titled("Known or new", header, lines, left=7)


def _value(row: RunRecord, name: str) -> float:
    metric = row.metrics.get(name)
    return metric.value if metric and metric.value is not None else -1.0


def _parts(group: Sequence[RunRecord]) -> list[str]:
    rows = [row for row in ranked(group) if row.views]
    shown = (view for row in rows for view in row.views if view.partition("=")[0] in PARTS_SHOWN)
    names = [view for view in dict.fromkeys(shown) if view != RULED]
    names.sort(key=lambda view: PARTS_SHOWN.index(view.partition("=")[0]))
    sizes = {name: next((m.n for row in rows if (m := row.views.get(name, {}).get(FIRST))), 0) for name in names}
    lines = [
        [*_ranking(row), *(percent(row.views.get(name, {}).get(FIRST)) for name in names), row.contamination]
        for row in rows
    ]
    told = [f"{name} (n {sizes[name]})" for name in names]
    header = ["backbone", "loss", "matcher", "fusion", "seed", "training", *told, "seen"]
    return titled("R-1 under other policies, and of parts of the queries", header, lines, left=6) if names else []


def _seeds(group: Sequence[RunRecord]) -> list[str]:
    found = spreads(group)
    names = list(dict.fromkeys(name for spread in found for name in spread.metrics))
    lines = []
    for spread in found:
        told = [spread.metrics.get(name) for name in names]
        values = ["-" if pair is None else f"{100 * pair[0]:.1f} ± {100 * pair[1]:.1f}" for pair in told]
        axes = [axis for place, axis in enumerate(_ranking(spread.row)) if place != 4]
        lines.append([*axes, spread.row.openset, str(spread.seeds), *values, spread.row.contamination])
    header = ["backbone", "loss", "matcher", "fusion", "training", "open set", "seeds", *names, "seen"]
    return titled("Over seeds (mean ± standard deviation)", header, lines, left=7)


def _ranking(row: RunRecord) -> list[str]:
    return [row.backbone, row.loss, row.matcher, row.fusion, str(row.seed), training(row)]


def _recipe(row: RunRecord) -> list[str]:
    return [row.backbone, row.loss, row.matcher, row.fusion, row.openset, str(row.seed)]


def titled(title: str, header: Cells, lines: Sequence[Cells], left: int, note: str = "") -> list[str]:
    """A section with a table, its first ``left`` columns to the left; nothing without lines."""
    if not lines:
        return []
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return [f"### {title}", "", *([note, ""] if note else []), *_lines([header, rule, *lines]), ""]


def _lines(rows: Iterable[Cells]) -> Iterator[str]:
    return ("| " + " | ".join(escaped(text) for text in cells) + " |" for cells in rows)


def escaped(text: str) -> str:
    """Text that stays in its cell: no column ends, no HTML, no line breaks."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
