"""The code of a run, copied aside: an edit while jobs wait changes nothing of what they do."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

from harness.disk import explained
from harness.provenance import COMMIT, git_state

PACKAGE = Path(__file__).resolve().parents[1]


def snapshot(folder: Path) -> Path | None:
    """Copy the harness and its plugins below ``folder``, named by the commit; an installed wheel needs none.

    Uncommitted changes are copied with the rest, and the copy's records say ``+changes`` as the checkout's would.

    Returns:
        the folder for PYTHONPATH, or None where the harness runs from no checkout.
    """
    state = git_state()
    if not state:
        return None
    files = _files(PACKAGE.parent)
    name = state.replace("+", "-")[:12] + ("-changes-" + uuid.uuid4().hex[:8] if "+" in state else "")
    target = folder / name
    if target.is_dir():
        return target
    temporary = folder / f".{name}.{uuid.uuid4().hex[:8]}"
    with explained(folder, "folder of the run", "--runs"):
        for file in files:
            source = PACKAGE.parent / file
            if source.is_file():
                (temporary / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, temporary / file)
        (temporary / "harness_plugins").symlink_to("plugins")
        (temporary / COMMIT).write_text(state)
        temporary.rename(target)
    return target


def _files(checkout: Path) -> list[str]:
    """Files of the two packages that git tracks, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "harness", "plugins"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)  # noqa: S603
    return sorted({name for name in done.stdout.split("\0") if name})
