"""Pictures as PNG bytes that no packer's version can change."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def png(image: NDArray[np.uint8]) -> bytes:
    """A PNG whose pixels are stored, not packed: grey [h, w] or RGB [h, w, 3].

    Packers (zlib, zlib-ng, their versions) give other bytes for the same pixels, and the fingerprint of a data set is
    taken from bytes; photographs with noise hardly shrink anyway. (PNG specification, W3C 2003, section 10; RFC 1951,
    section 3.2.4.)
    """
    height, width = image.shape[:2]
    raw = np.pad(image.reshape(height, -1), ((0, 0), (1, 0))).tobytes()
    pieces = [raw[i : i + 65535] for i in range(0, len(raw), 65535)]
    stored = b"".join(
        struct.pack("<BHH", i == len(pieces) - 1, len(piece), len(piece) ^ 0xFFFF) + piece
        for i, piece in enumerate(pieces)
    )
    packed = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if image.ndim == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data)) for tag, data in chunks
    )
