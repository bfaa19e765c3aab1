"""Stills of a video as JPEG: exact frames of the source or the output, or a part of one. They stay in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.crops import square_around
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.still import Wanted, read_stills
from faceblur_function.images import encode_image

Layer = Literal["source", "output"]
Opening = Callable[[], VideoReader]
# What the decoded frames of all videos may take in memory.
MAX_BYTES = 256 << 20
JPEG_QUALITY = 90
# Around a box a crop shows this share of its size, on each side.
AROUND = 0.3


class Stills:
    """Reads frames, and keeps the last ones: who steps through a video asks for their neighbours next.

    Two threads decode for the gallery at the same time at most: who steps through the frames does not wait for them.
    Raises MediaError.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], DecodedFrame] = OrderedDict()
        self._lock, self._decoding = threading.Lock(), threading.Semaphore(2)

    def frame(self, path: Path, opening: Opening, wanted: Wanted, *, can_wait: bool) -> DecodedFrame:
        """A frame of the video at `path`, which `opening` opens."""
        written, number = path.stat(), wanted.number
        of = (path, written.st_mtime_ns, written.st_size, wanted.stream)
        if (found := self._taken((*of, number))) is not None:
            return found
        with self._decoding if can_wait else nullcontext():
            if (found := self._taken((*of, number))) is not None:
                return found
            frames = read_stills(opening, wanted)
        with self._lock:
            for one in frames.values():
                self._kept[*of, one.number] = one
            self._kept.move_to_end((*of, number))
            while sum(one.size_bytes for one in self._kept.values()) > MAX_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return frames[number]

    def _taken(self, key: tuple[object, ...]) -> DecodedFrame | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def jpeg(frame: DecodedFrame, crop: Sequence[float] | None = None, height: int | None = None) -> bytes:
    """A frame as it is shown, or what is around a box of it, scaled to a height in pixels."""
    image: NDArray[Any] = frame.upright()
    if crop is not None:
        image = square_around(image, crop, AROUND)
    if height is not None and image.shape[0] != height:
        scale = height / image.shape[0]
        size = max(1, round(image.shape[1] * scale)), height
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return encode_image(np.ascontiguousarray(image), "jpeg", JPEG_QUALITY)
