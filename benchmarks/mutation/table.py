"""The tables of docs/mutation.md from what mutmut left in ``mutants/``: counts by module, and every survivor.

python benchmarks/mutation/table.py [FOLDER]      # where mutmut ran; the current folder where none is given
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

ROOMS = ("harness/metrics", "harness/stages")
LEFT = ("survived", "no tests")
TYPES = re.compile(r"(dtype=)?\b(np\.(bool_|float32|float64|int32|int64|str_|uint8)|None)")
DEFAULTS = re.compile(r'(axis=-?1|strict=\w+|, 1\)|, "left"|, axis=1|, strict=\w+)')
KINDS = (("wording", re.compile(r'["\']|^(None|)$'), re.compile(r"Error\(|Failed\(|progress\.|prefix")),)


@dataclass(frozen=True)
class Mutant:
    """One change of one line: its ``file``, the ``line`` that it changes, the text ``before`` and ``after``."""

    name: str
    status: str
    file: Path
    line: int
    before: str
    after: str

    def kind(self) -> str:
        """``text``: only words or their case changed; ``type``: a type that comes of itself; ``default``: an argument
        left out; else ``rest``."""
        pair = (self.before, self.after)
        if same(pair, lambda text: text.lower().replace("xx", "")) or "progress.start" in self.before:
            return "text"
        if same(pair, lambda text: TYPES.sub("", text)) and "finfo" not in self.before:
            return "type"
        default = same(pair, lambda text: DEFAULTS.sub("", text)) and "mean(" not in self.before
        return "default" if default else "rest"

    def told(self) -> str:
        """The change without what is alike on both sides."""
        start = alike(self.before, self.after)
        end = alike(self.before[start:][::-1], self.after[start:][::-1])
        start = self.before.rfind(" ", 0, max(0, self.before.rfind(" ", 0, start))) + 1
        while end and self.before[-end] != " ":
            end -= 1
        return f"`{self.before[start : len(self.before) - end]}` -> `{self.after[start : len(self.after) - end]}`"


def same(pair: tuple[str, str], plain: Callable[[str], str]) -> bool:
    """Whether two lines are alike when they are made plain, whatever commas and blanks are left."""
    one, other = (re.sub(r"[\s,]+", "", plain(text)) for text in pair)
    return one == other


def alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def mutants(file: Path) -> Iterator[Mutant]:
    """All mutants of a file, as the last run judged them."""
    codes = json.loads(Path(f"mutants/{file}.meta").read_text())["exit_code_by_key"]
    source = file.read_text().splitlines()
    for name, code in codes.items():
        status = status_by_exit_code[code]
        if status not in LEFT:
            yield Mutant(name, status, file, 0, "", "")
            continue
        diff = get_diff_for_mutant(name, path=file).splitlines()[2:]
        before, after = ([part[1:].strip() for part in diff if part.startswith(sign)] for sign in "-+")
        found = [number for number, text in enumerate(source, start=1) if before and text.strip() == before[0]]
        yield Mutant(name, status, file, found[0] if found else 0, " ".join(before), " ".join(after))


def main() -> None:
    """Print the table, then the survivors by file and line."""
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else ".")
    left: list[Mutant] = []
    print("| module | mutants | killed | timeouts | survived |\n|---|---:|---:|---:|---:|")
    totals: Counter[str] = Counter()
    for file in (path for room in ROOMS for path in sorted(Path(room).glob("*.py"))):
        if not Path(f"mutants/{file}.meta").exists():
            continue
        found = list(mutants(file))
        counts = Counter("survived" if mutant.status in LEFT else mutant.status for mutant in found)
        if any(mutant.status == "not checked" for mutant in found):
            continue
        if found:
            print(row(f"{file.parent.name}/{file.stem}", counts))
        totals += counts
        left += [mutant for mutant in found if mutant.status in LEFT]
    print(row("**all**", totals))
    for kind in ("text", "type", "default", "rest"):
        print(f"\n{kind}")
        for mutant in sorted((one for one in left if one.kind() == kind), key=lambda one: (one.file, one.line)):
            print(f"{mutant.file}:{mutant.line} {mutant.name.rpartition('.')[2]} {mutant.told()}")


def row(name: str, counts: Counter[str]) -> str:
    numbers = (counts.total(), counts["killed"], counts["timeout"], counts["survived"])
    assert counts.total() == sum(numbers[1:]), counts
    return f"| {name} | {' | '.join(map(str, numbers))} |"


if __name__ == "__main__":
    main()
