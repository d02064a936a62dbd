"""``harness plugins``: what is installed, where it comes from, how mature it is, and what is broken."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import console, json_option, open_registry, out, plugin_option, print_json, store_path
from harness.cli.plugin_check import check
from harness.cli.plugin_new import new


@click.group()
def plugins() -> None:
    """The plugins that the harness knows, and new ones."""


@plugins.command(
    "list",
    epilog="""\b
Examples:
  harness plugins list
  harness plugins list --kind matcher --json
  harness plugins list --plugin ./my_matcher.py""",
)
@click.option("--kind", help="Only this kind, such as matcher.")
@plugin_option
@json_option
def list_(kind: str | None, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List all plugins: version, whether each passes the conformance kit, reference figure, licence, status.

    The kit's column: passes, in part (weights or files were not at hand), so many failed, or not run (harness plugins
    check NAME). R-1 is the best row of the project's own results, in percent. Imports no torch.
    """
    from harness.cli.plugin_facts import all_facts, checked_kind
    from harness.cli.plugin_view import broken, listing

    kind = None if kind is None else checked_kind(kind)
    rows = all_facts(open_registry(plugin_files), kind, store_path(None))
    if as_json:
        print_json(rows)
        return
    out().print(listing(rows, out().width))
    for line in broken(rows):
        out().print(line, soft_wrap=True)


@plugins.command(
    epilog="""\b
Examples:
  harness plugins show mutual-nn
  harness plugins show loftr --kind matcher --json""",
)
@click.argument("name", metavar="NAME")
@click.option("--kind", help="Where plugins of several kinds have this name.")
@plugin_option
@json_option
def show(name: str, kind: str | None, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """Show all that is known of a plugin: settings, licence, citation, conformance, reference figures."""
    from harness.cli.plugin_facts import facts, find, settings
    from harness.cli.plugin_view import detail

    registry = open_registry(plugin_files)
    entry = find(registry, name, kind)
    told = {**facts(entry, store_path(None)), "settings": list(settings(entry.spec.config))}
    if as_json:
        print_json(told)
        return
    for part in detail(told):
        out().print(part)


@plugins.command(
    epilog="""\b
Examples:
  harness plugins page                                       on the output stream
  harness plugins page --results results --out docs/plugins.md    after new results or a new plugin""",
)
@click.option("--out", "target", metavar="FILE", help="Write it there instead of to the output stream.")
@click.option("--results", metavar="DIR", help="First renew the reference figures from the records of this folder.")
def page(target: str | None, results: str | None) -> None:
    """Write a page of the in-tree plugins in Markdown (for maintainers: docs/plugins.md).

    It is a function of what the plugins declare and of harness/maturity.json alone; a test holds that it is current.
    """
    from harness.cli.plugin_page import in_tree_facts, page_text, renew_figures
    from harness.disk import explained, write_atomically

    registry = open_registry(())
    if results:
        renew_figures(registry, Path(results))
    text = page_text(in_tree_facts(registry))
    if target is None:
        click.echo(text, nl=False)
        return
    with explained(Path(target), "page", "--out"):
        write_atomically(Path(target), text.encode())
    console().print(f"wrote {target}", highlight=False, markup=False)


plugins.add_command(new)
plugins.add_command(check)
