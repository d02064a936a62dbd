"""``harness plugins new``: a plugin that works, to be edited, with its test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from harness.cli.common import console, json_option, open_registry, out, print_json

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.scaffold import Named


@click.command(
    epilog="""\b
Examples:
  harness plugins new matcher my-matcher                   two files: in tree, or here for --plugin
  harness plugins new matcher my-matcher --standalone      a project that can be installed and published
  harness plugins new dataset my-photos --into plugins-of-mine""",
)
@click.argument("kind", metavar="KIND")
@click.argument("name", metavar="NAME")
@click.option("--standalone", is_flag=True, help="A project of its own: pyproject.toml, licence, README, workflow.")
@click.option(
    "--into",
    metavar="DIR",
    help="Where to [default: the current folder; with --standalone a new one, reid-harness-NAME].",
)
@json_option
def new(kind: str, name: str, standalone: bool, into: str | None, as_json: bool) -> None:
    """Write a plugin of a KIND (dataset, backbone, loss, segmenter, features, matcher, fusion, openset) and its test.

    It works as it is and passes `harness plugins check`. Inside a checkout of the harness it is written below plugins/
    and tests/plugins/, anywhere else into the current folder. Nothing is overwritten.
    """
    from harness import scaffold
    from harness.specs import KINDS

    if kind not in KINDS:
        raise click.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="KIND")
    registry = open_registry(())
    texts, steps = _planned(scaffold.checked(kind, name, registry), registry, standalone, into)
    written = [str(path) for path in scaffold.write(texts)]
    if as_json:
        print_json({"kind": kind, "name": name, "files": written, "next": list(steps)})
        return
    _tell(written, steps)


def _planned(
    named: Named, registry: Registry, standalone: bool, into: str | None
) -> tuple[dict[Path, str], tuple[str, ...]]:
    """What to write where, and the commands to type next."""
    from harness import scaffold

    if standalone:
        folder = Path(into or named.project)
        return scaffold.standalone(named, folder), (f"pip install -e '{folder}[test]'", _check(named, registry))
    folder = Path(into or ".")
    checkout = scaffold.checkout(folder, named.kind)
    if checkout:
        texts = scaffold.in_tree(named, checkout)
        return texts, (*_activate(checkout), _check(named, registry), f"python -m pytest {list(texts)[1]}")
    texts = scaffold.beside(named, folder)
    plugin, test = texts
    return texts, (f"{_check(named, registry)} --plugin {plugin}", f"python -m pytest {test}")


def _activate(checkout: Path) -> tuple[str, ...]:
    """Where another harness runs than that of the checkout: a warning, and the commands that change to the latter's."""
    from harness import scaffold

    if not scaffold.foreign(checkout):
        return ()
    activate = checkout / ".venv" / "bin" / "activate"
    problem = f"the harness that runs does not come from the checkout {checkout}, and finds no plugin there"
    advice = f"Activate the environment of the checkout (source {activate}), or write elsewhere with --into DIR."
    console().print(f"[yellow]warning:[/] {escape(problem)}\n  {escape(advice)}", highlight=False, soft_wrap=True)
    made = () if activate.is_file() else (f"make -C {checkout} setup",)
    return (*made, f"source {activate}")


def _check(named: Named, registry: Registry) -> str:
    """The command that checks it; the kind is named where another kind has a plugin of that name."""
    from harness.specs import KINDS

    shared = any(entry.spec.name == named.name for kind in KINDS for entry in registry.entries(kind))
    return f"harness plugins check {named.name}{f' --kind {named.kind}' if shared else ''}"


def _tell(written: list[str], steps: tuple[str, ...]) -> None:
    for path in written:
        out().print(path, highlight=False, markup=False, soft_wrap=True)
    console().print("Next:", highlight=False)
    for step in steps:
        console().print(f"  {step}", highlight=False, markup=False, soft_wrap=True)
