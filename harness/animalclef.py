"""The submission of the AnimalCLEF challenges: for every query image its individual, or that it is a new one."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from harness.answers import Decisions
from harness.disk import explained, write_atomically
from harness.errors import DataError
from harness.table import ImageTable
from harness.types import NEW

HEADER = ("image_id", "identity")
NEW_INDIVIDUAL = "new_individual"
"""The challenge's word for an animal that is not in the database."""


def submission(query: ImageTable, decisions: Decisions) -> str:
    """The text of ``submission.csv``: ``image_id,identity``, one row a query, in the order of the image ids.

    Ids that are whole numbers are ordered as numbers: the challenge numbers its images, and its scorer asks for the
    same ids in the same order (Adam et al., AnimalCLEF 2025, CEUR-WS 4038; ``score`` in WildlifeDatasets/
    wildlife-datasets, baselines/AnimalCLEF2025). Identities stand as the data set has them, new ones as
    ``new_individual``.

    Raises:
        DataError: decisions miss a query or hold another image, or an individual is called ``new_individual``.
    """
    answers = dict(zip(decisions.query_ids.tolist(), decisions.identities.tolist(), strict=True))
    _check(query.image_id.tolist(), answers)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for name in ordered(query.image_id.tolist()):
        writer.writerow((name, NEW_INDIVIDUAL if answers[name] == NEW else answers[name]))
    return text.getvalue()


def write_submission(path: Path, query: ImageTable, decisions: Decisions) -> None:
    """Write :func:`submission` to a file, whole or not at all.

    Raises:
        DataError: as :func:`submission`. StoreError: the file cannot be written.
    """
    content = submission(query, decisions).encode()
    with explained(path, "submission", "path"):
        write_atomically(path, content)


def ordered(ids: list[str]) -> list[str]:
    """Ids by number where all of them are whole numbers, else by text."""
    if all(name.isascii() and name.isdigit() for name in ids):
        return sorted(ids, key=lambda name: (int(name), name))
    return sorted(ids)


def _check(queries: list[str], answers: dict[str, str]) -> None:
    missing = [name for name in queries if name not in answers]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(queries)} queries have no decision (first: {missing[0]!r})",
            "A submission answers every query: run a cell with an open-set rule on the whole data set.",
        )
    other = sorted(answers.keys() - set(queries))
    if other:
        raise DataError(f"a decision about {other[0]!r}, which is no query ({len(other)} such)", "Use one protocol.")
    taken = [name for name, identity in answers.items() if identity == NEW_INDIVIDUAL]
    if taken:
        raise DataError(
            f"query {taken[0]!r} is answered with an individual called {NEW_INDIVIDUAL!r}: which means a new one",
            "Rename that individual in the data set.",
        )
