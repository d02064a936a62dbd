"""Who is in the herd, and when and where each photograph is taken: all decided before a pixel is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._herd_fields import generator

if TYPE_CHECKING:
    from .synthetic_herd import HerdConfig

SPECIES = {"spots": "rosette-cat", "stripes": "striped-horse", "maze": "maze-antelope"}
"""Coat pattern -> the species that wears it."""


@dataclass(frozen=True)
class Shot:
    """One photograph to be taken. ``key`` = (individual, encounter, frame); ``burst_of`` the key of the frame that it
    nearly repeats."""

    key: tuple[int, int, int]
    identity: str
    pattern: str
    side: str
    split: str
    place: int
    burst_of: tuple[int, int, int] | None = None

    @property
    def encounter(self) -> str:
        """Name of the encounter."""
        return f"{self.identity}-e{self.key[1]:02d}"

    @property
    def image_id(self) -> str:
        """Name of the photograph."""
        return _image_id(self.identity, self.key)

    @property
    def path(self) -> str:
        """Its file, relative to the herd's folder."""
        return f"images/{SPECIES[self.pattern]}/{self.identity}/{self.image_id}.png"

    @property
    def mask(self) -> str:
        """Its mask's file, relative to the herd's folder."""
        return f"masks/{SPECIES[self.pattern]}/{self.identity}/{self.image_id}.png"

    def row(self) -> dict[str, str | int]:
        """What ``metadata.csv`` says of it."""
        burst_of = _image_id(self.identity, self.burst_of) if self.burst_of else ""
        return {
            "image_id": self.image_id, "path": self.path, "identity": self.identity, "species": SPECIES[self.pattern],
            "orientation": self.side, "encounter": self.encounter, "split": self.split, "mask": self.mask,
            "place": self.place, "burst_of": burst_of,
        }  # fmt: skip


def _image_id(identity: str, key: tuple[int, int, int]) -> str:
    return f"{identity}-e{key[1]:02d}-{key[2]:02d}"


def plan(config: HerdConfig) -> list[list[Shot]]:
    """The photographs of each individual. New individuals are met in the test encounters alone."""
    order = generator(config.seed, 0).permutation(config.individuals)
    new = set(order[: config.new_individuals].tolist())
    patterns = _patterns(config)
    return [list(_shots(config, i, patterns[i], i in new)) for i in range(config.individuals)]


def _patterns(config: HerdConfig) -> list[str]:
    """A pattern for each individual: always the one that is furthest behind its share."""
    shares = {name: float(getattr(config, name)) for name in SPECIES}
    counts = dict.fromkeys(shares, 0)
    chosen = []
    for _ in range(config.individuals):
        name = min((n for n in shares if shares[n] > 0), key=lambda n: (counts[n] + 1) / shares[n])
        counts[name] += 1
        chosen.append(name)
    return chosen


def _shots(config: HerdConfig, individual: int, pattern: str, new: bool) -> Iterator[Shot]:
    rng = generator(config.seed, 0, individual)
    identity = f"{SPECIES[pattern]}-{individual:03d}"
    first = int(rng.integers(2))
    replace = config.places < config.encounters
    places = rng.choice(config.places, config.encounters, replace=replace)
    train = config.encounters - config.test_encounters
    for e in range(train if new else 0, config.encounters):
        split, position = ("train", e) if e < train else ("test", e - train)
        side = config.flanks if config.flanks != "both" else ("left", "right")[(first + position % min(2, train)) % 2]
        before: tuple[int, int, int] | None = None
        where = int(places[e])
        for f in range(config.images):
            key = (individual, e, f)
            burst = f > 0 and rng.random() < config.near_duplicates * config.images / (config.images - 1)
            elsewhere = int(rng.integers(config.places)) if rng.random() >= config.background_tied else int(places[e])
            if not burst:
                before, where = key, elsewhere
            yield Shot(key, identity, pattern, side, split, where, before if burst else None)
