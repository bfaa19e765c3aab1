"""Palettes of GIF frames: a frame keeps its source's colours, and new colours become the nearest of them.

Colours are `(H, W, 3) uint8 RGB`, alpha is `(H, W) uint8`; a palette is a sorted array of colours as 24 bit numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_COLOURS = 256

Palette = NDArray[np.uint32]


def palette_of(colours: NDArray[Any], alpha: NDArray[Any] | None) -> Palette | None:
    """The palette of a frame's visible pixels, None where they do not fit into one of GIF's."""
    packed = _packed(colours)
    visible = packed if alpha is None else packed[alpha > 0]
    palette = np.unique(visible)
    return palette if len(palette) <= (MAX_COLOURS if alpha is None else MAX_COLOURS - 1) else None


def with_palette(colours: NDArray[Any], alpha: NDArray[Any] | None, palette: Palette | None) -> Image.Image:
    """A frame as an image of its palette; of the best 255 colours where it has none."""
    size_wh = colours.shape[1], colours.shape[0]
    if palette is None or not len(palette):
        quantized = Image.frombytes("RGB", size_wh, colours.tobytes()).quantize(255, dither=Image.Dither.NONE)
        table, indices = bytes(quantized.getpalette() or b""), np.array(quantized)
    else:
        table, indices = _nearest(_packed(colours), palette)
    image = Image.frombytes("P", size_wh, indices.tobytes())
    if alpha is not None:
        clear = len(table) // 3
        indices = np.where(alpha == 0, clear, indices).astype(np.uint8)
        image = Image.frombytes("P", size_wh, indices.tobytes())
        image.info["transparency"], table = clear, table + bytes(3)
    image.putpalette(table)
    return image


def _nearest(packed: NDArray[np.uint32], palette: Palette) -> tuple[bytes, NDArray[np.uint8]]:
    """A palette's bytes, and the index of each pixel's colour in it or of the one nearest to it."""
    indices = np.minimum(np.searchsorted(palette, packed), len(palette) - 1).astype(np.uint8)
    table = _unpacked(palette).astype(np.uint8)
    changed = palette[indices] != packed
    new, where = np.unique(packed[changed], return_inverse=True)
    wanted = _unpacked(new).astype(np.int32)
    nearest = [int(((table.astype(np.int32) - one) ** 2).sum(axis=1).argmin()) for one in wanted]
    indices[changed] = np.array(nearest, np.uint8)[where]
    return table.tobytes(), indices


def _packed(colours: NDArray[Any]) -> NDArray[np.uint32]:
    packed: NDArray[np.uint32] = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return packed


def _unpacked(packed: NDArray[np.uint32]) -> NDArray[np.uint32]:
    unpacked: NDArray[np.uint32] = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
    return unpacked
