"""The second pass: every detector on source and output once more, at the frame's own size and enlarged.

The enlarged copy is twice the size at which a run detects. What the detectors detect at one location of one frame
is merged into one detection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.merged_detections import ONE_FACE, MergedDetection, iou
from faceblur.detection.client import FunctionClient
from faceblur.tracking.boxes import Box
from faceblur_function import wire
from faceblur_function.images import encode_image

# A run's detection scales down to 1920 (the function's DETECT_SIZE): twice the size is up to this long side. A larger
# frame goes in tiles, or the function would scale it down; a face of up to OVERLAP pixels is complete in one of them.
LONG_SIDE, TILE, OVERLAP = 3840, 1920, 192
# Larger detections in the enlarged copy, in its pixels, only confirm those at the frame's own size: there
# detectors take bodies for faces.
MAX_ENLARGED = 128.0
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class _PassDetection:
    """A detection of one pass. One that only `confirms` is merged with others, and is none by itself."""

    box: Box
    score: float
    in_source: bool
    confirms: bool


@dataclass(frozen=True, slots=True)
class _Tile:
    """One image to search, and where its pixels lie in the frame: `frame = offset + pixel / scale`."""

    image: NDArray[np.uint8]
    enlarged: bool
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def to_frame(self, box: Sequence[float]) -> Box:
        """A box of the image, in pixels of the frame."""
        x1, y1, x2, y2 = (value / self.scale for value in box)
        return self.x + x1, self.y + y1, self.x + x2, self.y + y2


async def second_pass(
    clients: Sequence[FunctionClient],
    source: NDArray[np.uint8],
    output: NDArray[np.uint8],
    options: wire.RequestOptions,
) -> list[MergedDetection]:
    """What all detectors detect in a pair of frames, both `(H, W, 3) uint8 BGR`, upright. May be cancelled.

    Raises FunctionError.
    """
    tiles = await asyncio.to_thread(lambda: [*_tiles(source), *_tiles(output)])
    images = await asyncio.to_thread(lambda: [encode_image(one.image, "jpeg", JPEG_QUALITY) for one in tiles])
    answers = await asyncio.gather(*(client.send(images, options, return_frames=False) for client in clients))
    detections = []
    for answer in answers:
        for index, (tile, faces) in enumerate(zip(tiles, answer.faces, strict=True)):
            for face in faces:
                confirms = tile.enlarged and face.box[3] - face.box[1] > MAX_ENLARGED
                in_source = index < len(tiles) // 2
                detections.append(_PassDetection(tile.to_frame(face.box), face.score, in_source, confirms))
    return _merged(detections)


def _tiles(frame: NDArray[np.uint8]) -> list[_Tile]:
    """The frame as it is, and enlarged, in tiles."""
    scale = min(2.0, LONG_SIDE / max(frame.shape))
    enlarged: Any = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    tiles = [_Tile(frame, False)]
    for top, bottom in _cuts(enlarged.shape[0]):
        for left, right in _cuts(enlarged.shape[1]):
            image = np.ascontiguousarray(enlarged[top:bottom, left:right])
            tiles.append(_Tile(image, True, left / scale, top / scale, scale))
    return tiles


def _cuts(length: int) -> list[tuple[int, int]]:
    """Equal, overlapping parts of at most TILE pixels."""
    count = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    size = -(-(length + (count - 1) * OVERLAP) // count)
    starts = [min(index * (size - OVERLAP), length - min(size, length)) for index in range(count)]
    return [(start, min(length, start + size)) for start in starts]


def _merged(detections: Iterable[_PassDetection]) -> list[MergedDetection]:
    """One detection a location: its box is that of the source's best, if there is one, else of the output's."""
    merged: list[MergedDetection] = []
    for detection in sorted(detections, key=lambda one: (one.confirms, not one.in_source, -one.score)):
        scores = [detection.score] * detection.in_source
        same = next((one for one in merged if iou(one.box, detection.box) >= ONE_FACE), None)
        if same is not None:
            same.source_scores += scores
        elif not detection.confirms:
            merged.append(MergedDetection(detection.box, detection.score, scores))
    return merged
