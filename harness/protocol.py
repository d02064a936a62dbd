"""The protocol: everything that must be equal before two rows may stand in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from harness.config import Config
from harness.errors import DataError, GridError
from harness.fingerprint import digest, digest_texts
from harness.splits import StudySizes, carve_validation, official, study, with_known
from harness.table import ImageTable

PRESETS: dict[str, dict[str, Any]] = {
    "study": {"split": "study", "scope": "all"},
    "official": {"split": "official", "scope": "dataset"},
}
"""Named protocols: ``study`` is Kanally & Hargis' 80/20, ``official`` the shipped split within each data set."""


SCORING = 2
"""Number of the definition of the metrics: raised when a metric's meaning changes, so that the two are never mixed."""


class Protocol(Config):
    """Data, split, gallery scope, k list, shortlist size, policies and seeds. Its hash is in every record."""

    name: Literal["study", "official"] = Field("official", description="preset that the other fields start from")
    dataset: str = Field("synthetic-herd", description="reference of the data set plugin")
    split: Literal["study", "official"] = Field(
        "official", description="random 80/20 split, or the one that is shipped"
    )
    resplit: bool = Field(False, description="allow split = study although the data set ships a split")
    split_seed: int = Field(0, description="seed of the split and of the validation carve-out", ge=0)
    scope: Literal["all", "dataset", "species", "orientation"] = Field("all", description="gallery that a query sees")
    ks: tuple[int, ...] = Field((1, 5, 10, 20, 100), description="the k of every R-k")
    shortlist: int = Field(100, description="candidates that a matcher re-ranks", ge=1)
    level: Literal["image", "identity"] = Field("image", description="rank counts gallery images, or individuals")
    average: Literal["query", "identity", "dataset"] = Field(
        "query", description="what counts alike in a ranking metric's mean"
    )
    unknown: Literal["drop", "wrong", "answer"] = Field(
        "drop", description="queries of new individuals in R-k; answer: right where the open-set rule says new"
    )
    ties: Literal["global-then-hash"] = Field("global-then-hash", description="order of equal scores")
    query_share: float = Field(0.2, description="share of images that are queries (study split)", gt=0, lt=1)
    new_share: float = Field(
        0.2, description="share of the queries that show new individuals (study split)", ge=0, lt=1
    )
    max_known: int = Field(2000, description="most known queries (study split)", ge=1)
    max_new: int = Field(500, description="most new queries (study split)", ge=0)
    validation_images: float = Field(
        0.1, description="share of train images carved out as known validation", ge=0, lt=1
    )
    validation_individuals: float = Field(
        0.1, description="share of train images whose individuals play new", ge=0, lt=1
    )
    leaks: tuple[Literal["bytes", "pixels", "near", "group", "photograph"], ...] = Field(
        ("bytes", "pixels", "near", "group"), description="what makes a query leaked (harness data audit)"
    )
    near_bits: int = Field(4, description="most differing bits of 64 of the hashes of near-duplicates", ge=0, le=16)
    damaged: Literal["error", "skip"] = Field("error", description="images that cannot be decoded")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {**PRESETS.get(str(values.get("name", "official")), {}), **values}

    @field_validator("ks")
    @classmethod
    def _rising(cls, ks: tuple[int, ...]) -> tuple[int, ...]:
        if not ks or ks[0] != 1 or list(ks) != sorted(set(ks)):
            raise ValueError("must be rising whole numbers that begin with 1")
        return ks

    @model_validator(mode="after")
    def _within(self) -> Protocol:
        if self.ks[-1] > self.shortlist:
            raise ValueError(f"ks up to {self.ks[-1]} need a shortlist of at least that size, not {self.shortlist}")
        return self

    @property
    def title(self) -> str:
        """The split as tables print it: a random re-split of a data set that ships a split is part of the name."""
        return f"{self.split}+resplit" if self.resplit and self.split == "study" else self.split


@dataclass(frozen=True, eq=False)
class Data:
    """A data set under a protocol: rows with roles, the hash of the protocol, and what was left out on the way."""

    protocol: Protocol
    table: ImageTable
    dataset: str
    fingerprint: str
    left_out: dict[str, int]

    @property
    def protocol_hash(self) -> str:
        """SHA-256 of the protocol's fields (but the data set's reference), the definition of the metrics, and the
        data's fingerprint."""
        fields = self.protocol.model_dump(mode="json", exclude={"dataset"})
        return digest({"protocol": fields, "scoring": SCORING, "data": self.fingerprint})

    def scope(self, table: ImageTable) -> NDArray[np.str_]:
        """For each row the group within which it is searched."""
        return scopes(self.protocol, table)

    def counts(self) -> dict[str, int]:
        """n_query, n_known, n_new, n_gallery, n_train, n_validation, individuals, singles, and what was left out."""
        table, query = self.table, self.table.having("query")
        _, images = np.unique(table.identity, return_counts=True)
        return {
            "n_query": len(query),
            "n_known": int(query.known.sum()),
            "n_new": int((~query.known).sum()),
            "n_gallery": len(table) - len(query),
            "n_train": int((table.role == "train").sum()),
            "n_validation": int((table.role == "validation").sum()),
            "n_individuals": len(images),
            "n_single_image_individuals": int((images == 1).sum()),
            **{f"n_left_out_{reason}": n for reason, n in self.left_out.items()},
        }


def scopes(protocol: Protocol, table: ImageTable) -> NDArray[np.str_]:
    """For each row the group within which it is searched, [n]."""
    if protocol.scope == "all":
        return np.full(len(table), "")
    groups: NDArray[np.str_] = getattr(table, protocol.scope)
    return groups


def apply(protocol: Protocol, table: ImageTable, dataset: str, left_out: dict[str, int]) -> Data:
    """Give every row its role.

    Args:
        table: rows with digests, roles still empty.
        dataset: label of the data set.
        left_out: rows that were dropped before, by reason.

    Raises:
        DataError: a split or a scope that this data set cannot have; names what is missing.
    """
    ships = bool(np.isin(table.split, ("train", "test")).all()) and len(np.unique(table.split)) == 2
    if protocol.split == "study" and ships and not protocol.resplit:
        raise GridError(
            f"{dataset} ships an official split; a random one is not comparable with published figures",
            "Use the protocol 'official', or say so: --set protocol.resplit=true (it becomes part of the name).",
        )
    lacking = np.flatnonzero(scopes(protocol, table) == "")
    if protocol.scope != "all" and len(lacking):
        raise DataError(
            f"scope = {protocol.scope!r}, but {len(lacking)} rows of {dataset} have no {protocol.scope} "
            f"(first: image_id {str(table.image_id[lacking[0]])!r})",
            "Use scope = 'all', or fill the column.",
        )
    if protocol.split == "official":
        split, dropped = official(table), 0
    else:
        sizes = StudySizes(protocol.query_share, protocol.new_share, protocol.max_known, protocol.max_new)
        split, dropped = study(table, sizes, protocol.split_seed)
    images, individuals = protocol.validation_images, protocol.validation_individuals
    carved = carve_validation(split, images, individuals, protocol.split_seed)
    carved = with_known(carved, scopes(protocol, carved))
    _check_usable(carved, dataset)
    reasons = {**left_out, **({"surplus_queries": dropped} if dropped else {})}
    return Data(protocol, carved, dataset, fingerprint(carved), reasons)


def fingerprint(table: ImageTable) -> str:
    """SHA-256 over rows, their roles, and image bytes (their digests), in the order of the rows; no path is in it."""
    columns = ("image_id", "identity", "species", "dataset", "role", "orientation", "group", "date", "digest")
    return digest_texts(getattr(table, name).tolist() for name in columns)


def _check_usable(table: ImageTable, dataset: str) -> None:
    for role in ("train", "query"):
        if not (table.role == role).any():
            raise DataError(
                f"{dataset} gives no {role} images under this protocol", "It needs more images or individuals."
            )
    if len(np.unique(table.identity[table.role == "train"])) < 2:
        raise DataError(f"{dataset} leaves fewer than two individuals to train on", "It needs more individuals.")
