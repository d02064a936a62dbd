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
        raise DataError(
            f"{int(bad.sum())} rows have no official split (image_id {table.image_id[row]!r}: {table.split[row]!r})",
            "Use a data set that ships a split, or split = 'study'.",
        )
    return _with_known(table.with_columns(role=np.where(table.split == "test", "query", "train")))


def study(table: ImageTable, sizes: StudySizes, seed: int) -> tuple[ImageTable, int]:
    """A random split as the study's: queries are a fifth of the images, one in five of them of a new individual.

    Whole individuals are drawn to be new until their images suffice; of every other individual the same share of images
    becomes queries, always leaving one in the gallery. Above ``max_known`` / ``max_new`` queries are drawn at random and
    the surplus is dropped.

    Returns:
        the table with roles, and the number of dropped images.
    """
    rng = np.random.default_rng([seed, 1])
    target = sizes.query_share * len(table)
    new_target = min(round(target * sizes.new_share), sizes.max_new)
    new = _whole_individuals(table.identity, new_target, rng)
    role = np.where(new, "query", "train")
    rest = np.flatnonzero(~new)
    known = _share_of_each(table.identity[rest], (target - new_target) / max(len(rest), 1), rng)
    role[rest[known]] = "query"
    for rows, most in ((rest[known], sizes.max_known), (np.flatnonzero(new), sizes.max_new)):
        role[rng.permutation(rows)[most:]] = ""
    dropped = role == ""
    return _with_known(table.with_columns(role=role).select(~dropped)), int(dropped.sum())


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
    known = rest[_share_of_each(table.identity[rest], images, rng)]
    role = table.role.astype("U10")
    role[train[new]] = "validation"
    role[known] = "validation"
    return _with_known(table.with_columns(role=role))


def _whole_individuals(identity: NDArray[np.str_], images: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Rows of randomly drawn individuals, as many as come nearest to ``images`` rows; at least two always remain."""
    names, counts = np.unique(identity, return_counts=True)
    order = rng.permutation(len(names))[: max(len(names) - 2, 0)]
    total = np.cumsum(counts[order])
    take = int(np.argmin(np.abs(np.concatenate([[0], total]) - images))) if images else 0
    return np.isin(identity, names[order[:take]])


def _share_of_each(identity: NDArray[np.str_], share: float, rng: np.random.Generator) -> Rows:
    """A random share of each individual's rows, at least one of each left over; fractions are drawn by lot."""
    chosen: list[Rows] = []
    order = rng.permutation(len(identity))
    sorted_order = order[np.argsort(identity[order], kind="stable")]
    starts = np.unique(identity[sorted_order], return_index=True)[1]
    for rows in np.split(sorted_order, starts[1:]) if len(identity) else []:
        wish = share * len(rows)
        take = int(wish) + int(rng.random() < wish - int(wish))
        chosen.append(rows[: min(take, len(rows) - 1)])
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def _with_known(table: ImageTable) -> ImageTable:
    """Fill ``known``: validation images are asked against train alone, queries against everything but queries."""
    in_train = np.isin(table.identity, table.identity[table.role == "train"])
    in_gallery = np.isin(table.identity, table.identity[table.role != "query"])
    return table.with_columns(
        known=np.where(table.role == "query", in_gallery, in_train & (table.role == "validation"))
    )
