"""Training batches on their way to the device: from the card itself where the images fit, else uploaded ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor
    from torch.cuda import Event

T = TypeVar("T")
SHARE = 0.5
"""Part of a card's free memory that the images may take; the network and its gradients need the rest."""
AHEAD = 2
"""Batches that are on their way to the card while one is computed."""
BLOCK = 1 << 28
"""Bytes that are copied to a card at a time, so that a mapped file need not fit in memory."""


def feed(pixels: NDArray[np.uint8] | Tensor, rows: Sequence[NDArray[np.int64]], device: str) -> Iterator[Tensor]:
    """The images of each batch of rows, uint8 [b, H, W, 3] on the device; ``pixels`` is what :func:`settled` gave."""
    import torch

    source = torch.as_tensor(pixels)
    index = [torch.from_numpy(batch) for batch in rows]
    if source.device.type == torch.device(device).type:
        return (source[batch.to(device)] for batch in index)
    return _uploaded(source, index, device)


def settled(pixels: NDArray[np.uint8], device: str) -> NDArray[np.uint8] | Tensor:
    """Images uint8 [n, H, W, 3] where training best takes them from: on the card where they fit, else as they are."""
    import torch

    if torch.device(device).type != "cuda":
        return pixels
    free, _ = torch.cuda.mem_get_info(device)
    return resident(pixels, device) if pixels.nbytes <= SHARE * free else pixels


def resident(pixels: NDArray[np.uint8], device: str) -> Tensor:
    """A copy of the whole array on the device, made block by block."""
    import torch

    out = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    rows = max(1, BLOCK // max(1, pixels[:1].nbytes))
    for start in range(0, len(pixels), rows):
        out[start : start + rows] = torch.from_numpy(pixels[start : start + rows])
    return out


def _uploaded(source: Tensor, index: Sequence[Tensor], device: str) -> Iterator[Tensor]:
    """Copies from pinned memory on a stream of their own run beside what the card computes."""
    import torch

    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def send(batch: Tensor) -> tuple[Tensor, Event]:
        with torch.cuda.stream(stream):
            sent = source[batch].pin_memory().to(device, non_blocking=True)
            return sent, stream.record_event()

    for sent, arrival in ahead((send(batch) for batch in index), AHEAD):
        computing = torch.cuda.current_stream(device)
        computing.wait_event(arrival)
        sent.record_stream(computing)  # its memory is not given away while it is still used here
        yield sent


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The items in their order; a thread makes the next ``count`` ones while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="upload") as pool:
        waiting = [pool.submit(next, items, None) for _ in range(count)]
        while (item := waiting.pop(0).result()) is not None:
            waiting.append(pool.submit(next, items, None))
            yield item
