"""``harness train-matcher`` and ``harness test-matcher``: local matchers on warped views of photographs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.common import (
    console,
    json_option,
    open_registry,
    open_store,
    out,
    plugin_option,
    print_json,
    store_option,
)

if TYPE_CHECKING:
    from harness.matcher_trainer import Lesson, MatcherTrainer
    from harness.matcher_training.comparison import Quality
    from harness.progress import Bars
    from harness.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])
TRAINED = "lightglue[features=sift,max_keypoints=256]"
TRAINING, TESTING = ("protocol", "network", "views", "fit"), ("protocol", "views")
INTERRUPTED = "Interrupted. What is finished is kept, a training up to its last step; the same command goes on."


def shared_options(command: F) -> F:
    """The data set, its masks, and where things run."""
    masks = (
        "Where the animal is: column (of the data set), none, or a segmenter such as grabcut [default: column, if any]."
    )
    options = [
        click.argument("dataset", metavar="DATASET"),
        click.option("--protocol", type=click.Choice(["official", "study"]), default="official", show_default=True),
        click.option("--masks", metavar="WHERE", help=masks),
        click.option(
            "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", envvar="HARNESS_DEVICE",
            show_default=True, help="Where networks run.",
        ),
    ]  # fmt: skip
    command = json_option(store_option(plugin_option(command)))
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    "train-matcher",
    epilog="""\b
Examples:
  harness train-matcher synthetic-herd --out mine.safetensors
  harness train-matcher 'folder[root=photos]' --protocol study --masks grabcut --out mine.safetensors
  harness train-matcher synthetic-herd --out big.safetensors --set network.layers=9 --set fit.pairs=200000
  harness run --matcher 'lightglue[features=sift,weights=mine.safetensors]'""",
)
@shared_options
@click.option("--out", "file", metavar="FILE", required=True, help="The weights, a .safetensors file.")
@click.option(
    "--matcher", metavar="PLUGIN", default=TRAINED, show_default=True, help="What is trained, on which features."
)
@click.option(
    "--set", "assignments", metavar="SECTION.SETTING=VALUE", multiple=True, help="Of protocol, network, views or fit."
)
def train_matcher(file: str, matcher: str, assignments: tuple[str, ...], as_json: bool, **chosen: Any) -> None:
    """Train a local matcher by self-supervision on warped views of photographs, and write its weights.

    Views of one photograph differ by a homography, a thin-plate bend and their light, and by their background where
    masks say what the animal is. What is true of them is known at every keypoint, so nobody labels anything. Only the
    train images of the protocol are learned from. Interrupted, the same command goes on.
    """
    from harness.matcher_training.files import saved, write
    from harness.progress import Bars

    target = Path(file)
    if target.suffix != ".safetensors":
        raise click.BadParameter("weights are written as .safetensors", param_hint="--out")
    if not os.access(target.parent, os.W_OK):
        raise click.BadParameter(f"there is no folder {target.parent} that can be written", param_hint="--out")
    registry = open_registry(chosen["plugin_files"])
    lesson, protocol = _lesson(matcher, assignments, chosen["protocol"], registry, TRAINING)
    with _interruptible(), Bars(console()) as bars:
        trainer = _trainer(chosen, protocol, registry, bars)
        value = trainer.train(lesson)
    facts = trainer.provenance(lesson, value.info["history"])
    write(target, saved(value.arrays, facts))
    if as_json:
        print_json({"file": target.name, **facts})
        return
    for row in value.info["history"]:
        told = "  ".join(f"{name} {number:g}" for name, number in row.items())
        out().print(told, highlight=False)
    console().print(f"{target}: use it as {_use(lesson, file)}", markup=False, highlight=False, soft_wrap=True)


@click.command(
    "test-matcher",
    epilog="""\b
Examples:
  harness test-matcher synthetic-herd --matcher mutual-nn --matcher 'lightglue[weights=herd]'
  harness test-matcher 'folder[root=photos]' --protocol study --matcher mutual-nn --matcher lightglue""",
)
@shared_options
@click.option(
    "--matcher",
    "matchers",
    metavar="PLUGIN",
    multiple=True,
    required=True,
    help="May be repeated; the first is compared with.",
)
@click.option("--pairs", type=click.IntRange(1), default=500, show_default=True, help="Pairs of views.")
@click.option("--set", "assignments", metavar="SECTION.SETTING=VALUE", multiple=True, help="Of protocol or views.")
def test_matcher(
    matchers: tuple[str, ...], pairs: int, assignments: tuple[str, ...], as_json: bool, **chosen: Any
) -> None:
    """Precision and recall of matchers on warped views of the query images, whose true matches are known.

    A match is right if its two places are at most 3 pixels apart, both on the animal where there are masks. Matchers of
    the same features see the same keypoints.
    """
    from dataclasses import asdict

    from harness.progress import Bars

    registry = open_registry(chosen["plugin_files"])
    lesson, protocol = _lesson("lightglue", assignments, chosen["protocol"], registry, TESTING)
    with _interruptible(), Bars(console()) as bars:
        trainer = _trainer(chosen, protocol, registry, bars)
        found = trainer.compared([registry.resolve("matcher", name) for name in matchers], pairs, lesson.views)
    if as_json:
        print_json([asdict(quality) for quality in found])
        return
    _show(found)


def _lesson(
    matcher: str, assignments: tuple[str, ...], protocol: str, registry: Registry, sections: tuple[str, ...]
) -> tuple[Lesson, Any]:
    from harness.errors import GridError
    from harness.grid import override
    from harness.matcher_trainer import Lesson, trainable
    from harness.matcher_training.settings import FitSettings, ViewSettings
    from harness.protocol import Protocol
    from harness.settings import validated

    raw = override({"protocol": {"name": protocol}}, assignments)
    unknown = sorted(set(raw) - set(sections))
    if unknown:
        raise GridError(f"--set knows no section {unknown[0]!r}", f"There are: {', '.join(sections)}.")
    choice = registry.resolve("matcher", matcher)
    network, views, fit = (
        validated(model, raw.get(section, {}), f"[{section}]")
        for section, model in (("network", trainable(choice).settings), ("views", ViewSettings), ("fit", FitSettings))
    )
    return Lesson(choice, network, views, fit), validated(Protocol, raw["protocol"], "[protocol]")  # type: ignore[arg-type]


def _trainer(chosen: dict[str, Any], protocol: Any, registry: Registry, bars: Bars) -> MatcherTrainer:
    from harness.data import load
    from harness.matcher_trainer import MatcherTrainer
    from harness.weights import compute_device
    from harness.workbench import Workbench

    os.environ["HARNESS_DEVICE"] = chosen["device"]
    store = open_store(chosen["store"])
    data = load(registry.resolve("dataset", chosen["dataset"]), protocol, store, bars)
    masks = chosen["masks"] or ("column" if (data.table.mask != "").any() else "none")
    return MatcherTrainer(Workbench(store, bars, lambda **_: None), data, registry, masks, compute_device())


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        console().print(INTERRUPTED)
        raise SystemExit(130) from None


def _use(lesson: Lesson, file: str) -> str:
    from harness.refs import Ref

    config = lesson.matcher.config.model_dump(mode="json", exclude_defaults=True, exclude={"weights"})
    return str(Ref(lesson.matcher.spec.name, {**config, "weights": file}))


def _show(found: list[Quality]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=f"{found[0].precision.n} pairs of views; 95 % intervals over individuals, in percent")
    for column in ("matcher", "precision", "recall", f"recall at the precision of {found[0].name}", "more than it"):
        table.add_column(column, justify="left" if column == "matcher" else "right", overflow="fold")
    for quality in found:
        numbers = (quality.precision, quality.recall, quality.recall_at, quality.gain)
        table.add_row(Text(quality.name), *(_percent(number) for number in numbers))
    out().print(table)


def _percent(number: Any) -> str:
    if number.value is None:
        return "-"
    spread = f" ({100 * number.low:.1f} to {100 * number.high:.1f})" if number.low is not None else ""
    return f"{100 * number.value:.1f}{spread}"
