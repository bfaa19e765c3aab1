"""Reading clips back, independently of the driver: frames, timestamps, packets, and numbers burnt into frames."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from examples.sample_clip import Image

BITS = 10


def frames(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def times(path: Path) -> list[Fraction]:
    """Every frame's presentation time in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def packets(path: Path, kind: str = "audio") -> list[list[tuple[str, Fraction]]]:
    """Each stream's packets as digest and time in seconds."""
    with av.open(str(path)) as container:
        found: dict[int, list[tuple[str, Fraction]]] = {s.index: [] for s in container.streams if s.type == kind}
        for packet in container.demux():
            if packet.stream.index in found and packet.size:
                digest = hashlib.sha256(bytes(packet)).hexdigest()
                found[packet.stream.index].append((digest, packet.pts * packet.time_base))
        return list(found.values())


def numbered(images: Iterable[Image], levels: tuple[int, int] = (20, 235)) -> Iterator[Image]:
    """Burn each frame's number into its lower edge, as dark and bright blocks: black and white, or of other levels."""
    for number, image in enumerate(images):
        image = image.copy()
        height, width = image.shape[:2]
        step = width // BITS
        for bit in range(BITS):
            colour = levels[number >> bit & 1]
            cv2.rectangle(image, (bit * step, height - 16), ((bit + 1) * step - 1, height - 1), (colour,) * 3, -1)
        yield image


def number(image: Image) -> int:
    """Read back the number that `numbered` burnt in."""
    height, width = image.shape[:2]
    step = width // BITS
    blocks = [image[height - 12 : height - 4, bit * step + 4 : (bit + 1) * step - 4].mean() for bit in range(BITS)]
    return sum((value > 128) << bit for bit, value in enumerate(blocks))


def outside(images: tuple[Image, Image], boxes: Iterable[Iterable[float]], margin: float) -> np.ndarray:
    """The absolute difference of two images where no box, grown by a share `margin` of its size, reaches."""
    a, b = images
    keep = np.ones(a.shape[:2], bool)
    for x1, y1, x2, y2 in boxes:
        dx, dy = (x2 - x1) * margin, (y2 - y1) * margin
        keep[max(0, int(y1 - dy)) : int(y2 + dy) + 1, max(0, int(x1 - dx)) : int(x2 + dx) + 1] = False
    return np.abs(a.astype(int) - b.astype(int))[keep]
