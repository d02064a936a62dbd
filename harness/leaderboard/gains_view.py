"""The gains of re-ranking as Markdown, for a terminal, and for machines, with a conclusion for each arm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.leaderboard.differences import points
from harness.leaderboard.gains import Block, Gain, Gains, Row
from harness.leaderboard.gains_names import Names, level
from harness.leaderboard.markdown import escaped, titled
from harness.leaderboard.strengths import Arm
from harness.leaderboard.tables import heading, policy
from harness.leaderboard.terminal import WIDE
from harness.metrics.intervals import Estimate
from harness.record import RunRecord

Shown = tuple[RunRecord, Gains]
"""A record of a protocol, for the heading, and its table."""
NOTE = (
    "Rows are backbones as they were trained (epochs 0: frozen), the weakest first by their own R-1 in per cent. "
    "Columns are matcher + fusion: the change of R-1 in points against the same backbone without re-ranking, per known "
    "query, averaged over seeds, with a 95 % interval (bootstrap over identities; the chance of a training is not in "
    "it). * marks a finding: p < 0.05 (sign-flip test by identity, Holm's correction for all comparisons of a table)."
)


def gains_markdown(tables: Iterable[Shown]) -> str:
    """All tables as one page."""
    lines = ["# When does re-ranking help?", "", f"Made by `harness sweep` from records. {NOTE}", ""]
    for first, found in tables:
        names = Names(found)
        lines += [f"## {escaped(heading(first))}", "", f"{escaped(policy(first))}.", ""]
        told = "; ".join([f"{found.comparisons} comparisons", *names.legend])
        lines += [f"{escaped(told)}.", ""] if found.blocks else []
        for block in found.blocks:
            lines += titled(_title(block), *_cells(block, names), left=len(names.labels))
            lines += [*(f"- {escaped(text)}" for text in conclusions(block, names).values()), ""]
        lines += [*(f"- missing: {escaped(text)}" for text in found.missing), ""]
    return "\n".join(lines).rstrip() + "\n"


def gains_terminal(first: RunRecord, found: Gains, width: int) -> list[Table | Text]:
    """One protocol's blocks with their conclusions; a narrow terminal gets no intervals of gains."""
    names = Names(found)
    shown: list[Table | Text] = [Text(heading(first), style="table.title"), *map(Text, names.legend)]
    for block in found.blocks:
        header, lines = _cells(block, names, intervals=width >= WIDE)
        table = Table(title=_title(block), title_justify="left")
        for place, name in enumerate(header):
            table.add_column(Text(name), justify="left" if place < len(names.labels) else "right", overflow="fold")
        for cells in lines:
            table.add_row(*map(Text, cells))
        shown += [table, *map(Text, conclusions(block, names).values())]
    return [*shown, *(Text(f"missing: {text}", style="yellow") for text in found.missing)]


def gains_rows(first: RunRecord, found: Gains) -> dict[str, Any]:
    """One protocol's table for machines: every name and number in full."""
    names = Names(found)
    told = {"protocol": first.protocol, "protocol_hash": first.protocol_hash, "dataset": first.dataset}
    blocks = [
        {
            "name": block.name,
            "individuals": block.individuals,
            "rows": [_row(row) for row in block.rows],
            "conclusions": [
                {**_arm(arm), "text": text, "slope": asdict(block.slopes[arm]) if arm in block.slopes else None}
                for arm, text in conclusions(block, names).items()
            ],
        }
        for block in found.blocks
    ]
    return {**told, "comparisons": found.comparisons, "blocks": blocks, "missing": list(found.missing)}


def conclusions(block: Block, names: Names) -> dict[Arm, str]:
    """What the numbers of each arm say in a sentence: its gain at the weakest and at the strongest backbone, the slope
    where there is one, and from where on the gain is no finding."""
    out = {}
    for arm in names.arms:
        own = [(row, row.gains[arm]) for row in block.rows if arm in row.gains]
        ends = own if len(own) < 2 else [own[0], own[-1]]
        parts = [f"{_gain(gain)} at {names.place(row)}" for row, gain in ends]
        parts += [_slope(block.slopes[arm])] if arm in block.slopes else []
        out[arm] = f"{names.arm(arm)}: {'; '.join([*parts, *_findings(own, block)])}."
    return out


def _findings(own: list[tuple[Row, Gain]], block: Block) -> list[str]:
    """Where gains are findings, and where losses are; rows from the weakest on."""
    better = [place for place, (_, gain) in enumerate(own) if gain.finding > 0]
    worse = [level(row) for row, gain in own if gain.finding < 0]
    if not better:
        few = f", with {block.individuals} individuals, few for so many comparisons" if block.few else ""
        told = [f"the gain is nowhere a finding{few}"]
    elif better[-1] + 1 == len(own):
        told = [f"the gain is a finding at {len(better)} of {len(own)} backbones, the strongest among them"]
    else:
        end = level(own[better[-1] + 1][0])
        told = [f"the gain is a finding at {len(better)} of {len(own)} backbones, and no longer from R-1 {end} on"]
    return [*told, *([f"a loss is a finding at R-1 {', '.join(worse)}"] if worse else [])]


def _slope(found: Estimate) -> str:
    value, low, high = (10 * (number or 0.0) for number in (found.value, found.low, found.high))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f}) points for every 10 points of the backbone's R-1"


def _title(block: Block) -> str:
    return f"{block.name} ({block.rows[0].baseline.n} queries of {block.individuals} individuals)"


def _cells(block: Block, names: Names, intervals: bool = True) -> tuple[list[str], list[list[str]]]:
    """Header and lines of a block."""
    header = [*names.labels, "R-1", *map(names.arm, names.arms)]
    lines = [
        [*names.of(row), level(row, interval=True), *(_gain(row.gains.get(arm), intervals) for arm in names.arms)]
        for row in block.rows
    ]
    return header, lines


def _gain(gain: Gain | None, interval: bool = True) -> str:
    """In points; * marks a finding, a dash what is missing."""
    if gain is None:
        return "-"
    text = points(gain.test.difference)
    return f"{text if interval else text.partition(' ')[0]}{' *' if gain.finding else ''}"


def _row(row: Row) -> dict[str, Any]:
    gains = [
        {
            **_arm(arm),
            **asdict(gain.test.difference),
            "better": gain.test.better,
            "worse": gain.test.worse,
            "p": gain.p,
            "finding": gain.finding,
            "seeds": gain.seeds,
        }
        for arm, gain in row.gains.items()
    ]
    return {**asdict(row.strength), "seeds": row.seeds, "seen": row.seen, "R-1": asdict(row.baseline), "gains": gains}


def _arm(arm: Arm) -> dict[str, str]:
    return {"matcher": arm[0], "fusion": arm[1]}
