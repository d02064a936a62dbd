"""The results that are kept with the code pass the guard, by themselves and against what is committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import guard
from harness.errors import DataError

FOLDER = Path(__file__).resolve().parents[1] / "results"


def test_the_kept_results_break_no_rule() -> None:
    checked = guard.check(FOLDER, None, 20)
    assert checked.findings == []
    assert checked.rows > 200


def test_no_kept_row_vanished_or_moved_without_a_version_or_a_reason() -> None:
    try:
        checked = guard.check(FOLDER, "HEAD", 20)
    except DataError as error:
        pytest.skip(f"not in a checkout: {error}")
    assert checked.findings == []
    assert checked.before is not None
