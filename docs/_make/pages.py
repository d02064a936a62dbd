"""Writes the generated pages: ``python docs/_make/pages.py``, or with ``--check`` only tells which are out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import command_pages
import hook_pages

DOCS = Path(__file__).resolve().parents[1]


def generated() -> dict[Path, str]:
    """Every page that is generated, or holds a generated part: file -> the text that it should have."""
    pages = {DOCS / "cli" / name: text for name, text in command_pages.pages().items()}
    pages |= {DOCS / "hooks" / name: text for name, text in hook_pages.pages(DOCS / "hooks").items()}
    return pages


def outdated() -> list[Path]:
    """Pages that differ from what is generated, and command pages whose command is gone."""
    wanted = generated()
    differing = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    return differing + [path for path in sorted((DOCS / "cli").glob("*.md")) if path not in wanted]


def main() -> int:
    """Write, or check: 0 all current, 1 some were not."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is out of date")
    checking = options.parse_args().check
    wanted, stale = generated(), outdated()
    for path in stale:
        print(f"{'out of date' if checking else 'wrote'}: {path.relative_to(DOCS.parent)}")
        if not checking and path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        elif not checking:
            path.unlink()
    return 1 if checking and stale else 0


if __name__ == "__main__":
    sys.exit(main())
