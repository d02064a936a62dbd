"""Splits: which photograph plays train, validation, gallery or query, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.table import ImageTable

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class StudySizes:
    """Share of all images that are queries, share of the queries that show new individuals, and upper bounds."""

    query_share: float
    new_share: float
    max_known: int
    max_new: int


def official(table: ImageTable) -> ImageTable:
    """Roles from the split that the data set ships: ``test`` rows are queries, all others are gallery.

    Raises:
        DataError: a row has neither ``train`` nor ``test``.
    """
    bad = ~np.isin(table.split, ("train", "test"))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        image, given = str(table.image_id[row]), str(table.split[row])
        raise DataError(
            f"{int(bad.sum())} rows have no official split (image_id {image!r}: {given!r})",
            "Use a data set that ships a split, or the protocol 'study'.",
        )
    return table.with_columns(role=np.where(table.split == "test", "query", "train"))


def study(table: ImageTable, sizes: StudySizes, seed: int) -> tuple[ImageTable, int]:
    """A random split as the study's: queries are a fifth of the images, one in five of them of a new individual.

    Whole individuals are drawn to be new until their images suffice; the rest of the queries are images of the others,
    in the same share of each, always leaving one in the gallery. Above ``max_known`` / ``max_new`` queries are drawn at
    random. The surplus is dropped: it may not be in the gallery, or the new individuals would be known.

    Returns:
        the table with roles, and the number of dropped images.
    """
    rng = np.random.default_rng([seed, 1])
    queries = round(sizes.query_share * len(table))
    most_new = min(round(queries * sizes.new_share), sizes.max_new)
    new = _whole_individuals(table.identity, most_new, rng)
    role = np.where(new, "query", "train")
    rest = np.flatnonzero(~new)
    known = rest[_share_of_each(table.identity[rest], queries - most_new, rng)]
    role[known] = "query"
    for rows, most in ((known, sizes.max_known), (np.flatnonzero(new), most_new)):
        role[rng.permutation(rows)[most:]] = ""
    dropped = role == ""
    return table.with_columns(role=role).select(~dropped), int(dropped.sum())


def carve_validation(table: ImageTable, images: float, individuals: float, seed: int) -> ImageTable:
    """Turn part of the train rows into validation: whole individuals that play "new", and images of known ones.

    Args:
        images: share of the remaining train images, one of each individual always stays in train.
        individuals: share of the train images whose (whole) individuals play new.
    """
    rng = np.random.default_rng([seed, 2])
    train = np.flatnonzero(table.role == "train")
    new = _whole_individuals(table.identity[train], round(individuals * len(train)), rng)
    rest = train[~new]
    known = rest[_share_of_each(table.identity[rest], round(images * len(rest)), rng)]
    role = table.role.astype("U10")
    role[train[new]] = "validation"
    role[known] = "validation"
    return table.with_columns(role=role)


def with_known(table: ImageTable, scope: NDArray[np.str_]) -> ImageTable:
    """Fill ``known``: is there an image of the same individual, in the same scope, in the gallery that is asked?

    Validation images are asked against train alone, queries against everything but queries.

    Args:
        scope: for each row the group within which it is searched, [n].
    """
    places = list(zip(scope.tolist(), table.identity.tolist(), strict=True))
    roles = table.role.tolist()
    train = {place for place, role in zip(places, roles, strict=True) if role == "train"}
    gallery = {place for place, role in zip(places, roles, strict=True) if role != "query"}
    asked = {"query": gallery, "validation": train}
    return table.with_columns(
        known=np.array([place in asked.get(role, ()) for place, role in zip(places, roles, strict=True)], dtype=bool)
    )


def _whole_individuals(identity: NDArray[np.str_], images: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Rows of randomly drawn individuals, as many as it takes to have ``images``; at least two always remain."""
    names, counts = np.unique(identity, return_counts=True)
    order = rng.permutation(len(names))
    take = int(np.searchsorted(np.cumsum(counts[order]), images)) + 1 if images else 0
    return np.isin(identity, names[order[: min(take, max(len(names) - 2, 0))]])


def _share_of_each(identity: NDArray[np.str_], images: int, rng: np.random.Generator) -> Rows:
    """``images`` random rows, the same share of each individual (fractions by lot), at least one of each left over."""
    order = rng.permutation(len(identity))
    rows = order[np.argsort(identity[order], kind="stable")]
    _, start, individual, counts = np.unique(identity[rows], return_index=True, return_inverse=True, return_counts=True)
    rank = np.arange(len(rows)) - start[individual]
    place = (rank + rng.random(len(start))[individual]) / counts[individual]
    spare = rank < counts[individual] - 1
    nearest = np.argsort(place[spare], kind="stable")[:images]
    return np.sort(rows[spare][nearest])
