"""How a WebP file is written again: lossless where its source is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PIL import Image

from faceblur.media.images.pillow_pages import kept_profile

QUALITY = 95  # of lossy files: their own quality is not in the file


def webp_settings(image: Image.Image, content: bytes) -> dict[str, Any]:
    """Pillow's options for an image that was read from `content`."""
    lossless = b"VP8L" in (name for name, _ in _chunks(content))
    profile = {"icc_profile": kept_profile(image)}
    return profile | ({"lossless": True, "exact": True} if lossless else {"quality": QUALITY})


def _chunks(content: bytes, start: int = 12) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP file, those of its frames too: https://developers.google.com/speed/webp/docs/riff_container"""
    while start + 8 <= len(content):
        name, size = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        body = content[start + 8 : start + 8 + size]
        yield name, body
        if name == b"ANMF":
            yield from _chunks(body, 16)
        start += 8 + size + size % 2
