"""Identities that look wrong: merged, misspelt or no individual at all; and those that a split treats oddly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.table import ImageTable

UNKNOWN = frozenset(
    (
        *("unknown", "unidentified", "unnamed", "unmarked", "undetermined", "unlabeled", "unlabelled", "unassigned"),
        *("unk", "none", "nan", "null", "na", "tbd", "newwhale", "newindividual", "other", "misc"),
    )
)
"""Names of no individual, as :func:`folded` writes them; a name without any letter or digit (``?``) is none either."""
NUMBERED = 5
"""Letters from which a number behind such a name changes nothing (``unknown-12``; but ``NA12`` may be somebody)."""
LETTERS = 4
"""Fewest letters of names that are compared by one edit: ``A1`` and ``B1`` are a numbering."""
SIDES = frozenset(("left", "right"))


@dataclass(frozen=True)
class Alike:
    """Two identities whose names look like one; ``why`` is ``spelling`` (case, spaces, punctuation, accents, leading
    zeros) or ``one edit``."""

    first: str
    second: str
    why: str


@dataclass(frozen=True)
class Identities:
    """What looks wrong, each sorted by name.

    ``alike``: names of one data set that look like one. ``spread``: individuals of two species or two data sets.
    ``unnamed``: names of no individual. ``singles``: individuals with one photograph. ``one_sided``: individuals of
    which the gallery shows one side (left or right) and the queries only the other.
    """

    alike: tuple[Alike, ...]
    spread: tuple[str, ...]
    unnamed: tuple[str, ...]
    singles: tuple[str, ...]
    one_sided: tuple[str, ...]


def check_identities(table: ImageTable) -> Identities:
    """Look at the identities of a table; roles are needed for ``one_sided`` alone."""
    names, counts = np.unique(table.identity, return_counts=True)
    bare: dict[str, dict[str, str]] = {}
    for name, dataset in zip(table.identity.tolist(), table.dataset.tolist(), strict=True):
        bare.setdefault(dataset, {})[name] = _without(name, dataset)
    return Identities(
        alike=tuple(pair for _, own in sorted(bare.items()) for pair in alike(own)),
        spread=_spread(table),
        unnamed=tuple(sorted({name for own in bare.values() for name, short in own.items() if no_individual(short)})),
        singles=tuple(names[counts == 1].tolist()),
        one_sided=_one_sided(table),
    )


def folded(name: str) -> str:
    """A name without case, accents, spaces, punctuation and leading zeros; numbers stay apart: ``<7>``."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    tokens = re.findall(r"\d+|[^\W\d_]+", plain)
    return "".join(f"<{token.lstrip('0') or '0'}>" if token.isdigit() else token for token in tokens)


def no_individual(name: str) -> bool:
    """Whether a name (without its data set's prefix) means that nobody was recognised."""
    text = folded(name)
    letters = re.sub(r"<\d+>", "", text)
    return not text or text in UNKNOWN or (len(letters) >= NUMBERED and letters in UNKNOWN)


def alike(names: Mapping[str, str]) -> tuple[Alike, ...]:
    """Identities (name -> name without prefix) that look like one; of several, each is told with one other.

    A letter may differ or lack, a digit may not: that is a numbering. Names are met in buckets of equal text with one
    letter left out, so that 10,000 of them take a second.
    """
    found: dict[tuple[str, str], str] = {}
    by_text: dict[str, list[str]] = {}
    for name in sorted(names):
        by_text.setdefault(folded(names[name]), []).append(name)
    by_text.pop("", None)  # nobody
    for same in by_text.values():
        found |= {(same[0], other): "spelling" for other in same[1:]}
    for one, other in _one_edit(sorted(by_text)):
        first, second = sorted((by_text[one][0], by_text[other][0]))
        found.setdefault((first, second), "one edit")
    return tuple(Alike(*pair, why) for pair, why in sorted(found.items()))


def _one_edit(texts: Sequence[str]) -> set[tuple[str, str]]:
    """Pairs of texts that one changed, added or lacking letter makes equal."""
    whole, pairs = set(texts), set[tuple[str, str]]()
    changed: dict[tuple[int, str], list[str]] = {}
    for text in texts:
        for place, shorter in _less_one_letter(text):
            changed.setdefault((place, shorter), []).append(text)
            if shorter in whole:
                pairs.add((shorter, text))
    for bucket in changed.values():
        pairs.update((bucket[0], other) for other in bucket[1:])  # a chain is enough to find the whole bucket
    return pairs


def _less_one_letter(text: str) -> Iterator[tuple[int, str]]:
    if sum(c.isalpha() for c in text) > LETTERS - 1:
        yield from ((place, text[:place] + text[place + 1 :]) for place, c in enumerate(text) if c.isalpha())


def _without(name: str, dataset: str) -> str:
    """A name without its data set's prefix."""
    return name[len(dataset) + 1 :] if dataset and name.lower().startswith(f"{dataset.lower()}_") else name


def _spread(table: ImageTable) -> tuple[str, ...]:
    found = set[str]()
    for column in (table.species, table.dataset):
        names = np.unique(np.stack([table.identity, column]).T[column != ""], axis=0)[:, 0]
        unique, counts = np.unique(names, return_counts=True)
        found.update(unique[counts > 1].tolist())
    return tuple(sorted(found))


def _one_sided(table: ImageTable) -> tuple[str, ...]:
    sides: dict[str, dict[bool, set[str]]] = {}
    rows = zip(table.identity.tolist(), table.role.tolist(), table.orientation.tolist(), strict=True)
    for identity, role, side in rows:
        sides.setdefault(identity, {True: set(), False: set()})[role == "query"].add(side.lower())
    return tuple(
        sorted(
            name for name, by in sides.items() if len(by[True]) == 1 == len(by[False]) and by[True] | by[False] == SIDES
        )
    )
