"""The guard of the results folder: what stands in it is whole and consistent, and moves with a version or a reason."""

from __future__ import annotations

from harness.guard.checking import check
from harness.guard.explaining import explain
from harness.guard.found import Finding
from harness.guard.reasons import Reason

__all__ = ["Finding", "Reason", "check", "explain"]
