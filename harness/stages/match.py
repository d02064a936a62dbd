"""The stage ``match``: what a matcher finds on each (query, candidate) pair, from features loaded once a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.contracts import BlockMatcher, Matcher, Progress
from harness.errors import PluginError
from harness.packed import PackedFeatures, PairSummary

Numbers = NDArray[np.int64]

CHUNK = 1024
"""Pairs that a matcher is handed at once."""


@dataclass(frozen=True, eq=False)
class Block:
    """Images in memory: their ``numbers`` int64 [n], rising, and their features."""

    numbers: Numbers
    images: PackedFeatures


def match(
    matcher: Matcher, pairs: Numbers, load: Callable[[Numbers], Block], room: int, progress: Progress
) -> Iterator[tuple[Numbers, PairSummary]]:
    """Match pairs [m, 2] of image numbers in their order and yield (rows of ``pairs``, what was found) by the chunk.

    Args:
        load: gives a block that holds at least these images.
        room: images that fit into a block; one of a single chunk may hold more. The next block is loaded meanwhile.

    Raises:
        PluginError: the matcher gives a wrong number of results, or one that is not finite.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="features") as pool:
        blocks = _blocks(pairs, room)
        coming = [pool.submit(load, np.unique(pairs[rows])) for rows in blocks[:1]]
        for i, rows in enumerate(blocks):
            block = coming.pop().result()
            coming = [pool.submit(load, np.unique(pairs[following])) for following in blocks[i + 1 : i + 2]]
            for start in range(rows.start, rows.stop, CHUNK):
                chunk = slice(start, min(start + CHUNK, rows.stop))
                found = _matched(matcher, block.images, np.searchsorted(block.numbers, pairs[chunk]))
                progress.advance(len(found))
                yield np.arange(chunk.start, chunk.stop), found


def _blocks(pairs: Numbers, room: int) -> list[slice]:
    """Runs of whole chunks, as many as have at most ``room`` images between them."""
    blocks: list[slice] = []
    held: set[int] = set()
    for start in range(0, len(pairs), CHUNK):
        images = set(pairs[start : start + CHUNK].ravel().tolist())
        stop = min(start + CHUNK, len(pairs))
        if blocks and len(held | images) <= room:
            blocks[-1] = slice(blocks[-1].start, stop)
            held |= images
        else:
            blocks.append(slice(start, stop))
            held = images
    return blocks


def _matched(matcher: Matcher, images: PackedFeatures, pairs: Numbers) -> PairSummary:
    """What the matcher finds on pairs of rows of the images."""
    if isinstance(matcher, BlockMatcher):
        found = matcher.match_block(images, pairs)
        if not isinstance(found, PairSummary):
            raise PluginError(f"match_block gave {type(found).__name__}", "Return one PairSummary of all pairs.")
    else:
        seen = {row: images.image(row) for row in np.unique(pairs).tolist()}  # one object an image
        found = PairSummary.of(matcher.match([(seen[query], seen[candidate]) for query, candidate in pairs.tolist()]))
    if len(found) != len(pairs):
        raise PluginError(f"the matcher matched {len(found)} of {len(pairs)} pairs", "Return one result a pair.")
    if not all(np.isfinite(column).all() for column in (found.count, found.confidence, found.inliers)):
        raise PluginError("the matcher gave scores that are not finite", "Mend its scores.")
    return found
