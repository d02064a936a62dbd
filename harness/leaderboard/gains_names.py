"""Short names for the rows and columns of a table of gains: what all rows share is said once, above them."""

from __future__ import annotations

from collections.abc import Iterable

from harness.cell import NONE
from harness.leaderboard.gains import Gains, Row
from harness.leaderboard.strengths import Arm
from harness.leaderboard.tables import percent
from harness.record import Metric
from harness.refs import Ref, parse


class Names:
    """The names of one table. ``legend`` says in full what they leave out."""

    def __init__(self, found: Gains) -> None:
        rows = [row for block in found.blocks for row in block.rows]
        each = {row.strength for row in rows}
        self.arms = found.arms
        backbones, losses = {s.backbone for s in each}, {s.loss for s in each} - {NONE}
        told = [names for names in (backbones, losses) if len(names) > 1]
        self._short: dict[str, str] = {}
        for names in (*told, {matcher for matcher, _ in found.arms} - {NONE}):
            self._short |= shortened(names)
        alone = [name for names in (backbones, losses) if len(names) == 1 for name in names]
        self.legend = [*alone, *(f"{short} is {full}" for full, short in self._short.items() if short != full)]
        again = len({(s.backbone, s.loss, s.epochs) for s in each}) < len(each)
        shown = {
            "backbone": len(backbones) > 1,
            "loss": len(losses) > 1,
            "epochs": True,
            "training": again,
            "seeds": any(row.seeds > 1 for row in rows),
            "seen": any(row.seen for row in rows),
        }
        self.labels = [name for name, there in shown.items() if there]
        """The heads of the columns that say which backbone a row is."""

    def of(self, row: Row) -> list[str]:
        """The cells under ``labels``."""
        own = {**vars(row.strength), "seeds": row.seeds, "seen": row.seen}
        return [self._name(str(own[label])) for label in self.labels]

    def arm(self, arm: Arm) -> str:
        """Matcher and fusion."""
        matcher, fusion = arm
        return f"{self._name(matcher)} + {fusion}" if matcher != NONE else fusion

    def place(self, row: Row) -> str:
        """A backbone in a sentence: its R-1 and what tells it from the others."""
        own: dict[str, str] = vars(row.strength)
        who = [self._name(own[label]) for label in ("backbone", "loss", "training") if label in self.labels]
        return f"R-1 {level(row)} ({', '.join([*who, f'epochs {row.strength.epochs}'])})"

    def _name(self, name: str) -> str:
        return self._short.get(name, name)


def level(row: Row, interval: bool = False) -> str:
    """A backbone's own R-1 in per cent."""
    return percent(Metric(**row.baseline.as_dict()), interval)


def shortened(names: Iterable[str]) -> dict[str, str]:
    """Full name -> the name without the settings that all of its plugin have alike."""
    refs = {name: parse(name) for name in sorted(names)}
    out = {}
    for name, ref in refs.items():
        kin = [other.settings.items() for other in refs.values() if other.name == ref.name]
        out[name] = str(Ref(ref.name, {k: v for k, v in ref.settings.items() if any((k, v) not in s for s in kin)}))
    return out
