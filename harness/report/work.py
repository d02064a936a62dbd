"""What a room of the report writes with."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.limits import Limits
from harness.report.photos import Photos
from harness.report.site import Site
from harness.stopwatch import StageProgress


@dataclass(frozen=True, eq=False)
class Work:
    """The site, the photographs that it may show, how much is shown, and whom to tell how far it is."""

    site: Site
    photos: Photos
    limits: Limits
    progress: StageProgress
