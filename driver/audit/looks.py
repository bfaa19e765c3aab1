"""The second look: every detector on source and output, at the frame's own size and at twice the size of a run's look.

What the detectors find in one frame becomes sightings: a place, its best score, how many looks found it. Sightings are
followed from frame to frame, so that what a detector takes for a face in one noisy frame is not taken for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from driver.audit.legible import Box
from driver.audit.moments import APART_SECONDS, Sight, Stretch
from driver.boxes import match
from driver.client import FunctionClient
from function import wire

# A run's detection scales down to 1920 (the function's DETECT_SIZE): twice the size is up to this long side. A larger
# picture goes in tiles, or the function would scale it down; a face of up to OVERLAP pixels is whole in one of them.
LONG_SIDE, TILE, OVERLAP = 3840, 1920, 192
# Larger finds in the enlarged picture, in its pixels, are left to the one as it is: whole bodies look like faces there.
MOST_ENLARGED = 128.0
# Finds of one frame that overlap by this IoU are one face.
ONE_FACE = 0.4
JPEG_QUALITY = 95
BGR = NDArray[np.uint8]


@dataclass(slots=True)
class Sighting:
    """A place where faces were found in one frame: the best find's box and score, and how many looks found it."""

    box: Box
    score: float
    looks: int = 1


@dataclass(frozen=True, slots=True)
class _View:
    """One image to be searched: where its pixels lie in the frame, `frame = offset + pixel / scale`."""

    image: BGR
    enlarged: bool
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def place(self, box: Sequence[float]) -> Box:
        x1, y1, x2, y2 = (value / self.scale for value in box)
        return self.x + x1, self.y + y1, self.x + x2, self.y + y2


def _views(frame: BGR) -> list[_View]:
    """The frame as it is, and enlarged, in tiles."""
    scale = min(2.0, LONG_SIDE / max(frame.shape))
    enlarged: Any = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    views = [_View(frame, False)]
    for top, bottom in _cuts(enlarged.shape[0]):
        for left, right in _cuts(enlarged.shape[1]):
            tile = np.ascontiguousarray(enlarged[top:bottom, left:right])
            views.append(_View(tile, True, left / scale, top / scale, scale))
    return views


def _cuts(length: int) -> list[tuple[int, int]]:
    """Equal, overlapping parts of at most TILE pixels."""
    count = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    size = -(-(length + (count - 1) * OVERLAP) // count)
    starts = [min(index * (size - OVERLAP), length - min(size, length)) for index in range(count)]
    return [(start, min(length, start + size)) for start in starts]


async def look(clients: Sequence[FunctionClient], pictures: Sequence[BGR], options: wire.Options) -> list[Sighting]:
    """What all detectors find in pictures of one frame, the source's and the output's. May be cancelled."""
    views = await asyncio.to_thread(lambda: [view for picture in pictures for view in _views(picture)])
    images = await asyncio.to_thread(lambda: [wire.encode_image(one.image, "jpeg", JPEG_QUALITY) for one in views])
    answers = await asyncio.gather(*(client.send(images, options, return_frames=False) for client in clients))
    finds = []
    for answer in answers:
        for view, faces in zip(views, answer.faces, strict=True):
            for face in faces:
                large = view.enlarged and face.box[3] - face.box[1] > MOST_ENLARGED
                finds.append((face.score, view.place(face.box), large))
    return _merged(finds)


def _merged(finds: Iterable[tuple[float, Box, bool]]) -> list[Sighting]:
    """One sighting for finds at one place; those that cannot begin one (the third value) only confirm another."""
    sightings: list[Sighting] = []
    for score, box, confirms in sorted(finds, key=lambda find: (find[2], -find[0])):
        for one in sightings:
            if iou(one.box, box) >= ONE_FACE:
                one.looks += 1
                break
        else:
            if not confirms:
                sightings.append(Sighting(box, score))
    return sightings


def iou(a: Box, b: Box) -> float:
    """How far two boxes overlap, 0 to 1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0


@dataclass(slots=True)
class Followed:
    """What may be a face, over the frames in which it was seen: in how many, by how many looks at most.

    `legible` are the frames in which the output still shows it, None where there is none.
    """

    box: Box
    seconds: float
    frames: int = 0
    looks: int = 0
    legible: Stretch | None = None

    @property
    def confirmed(self) -> bool:
        return self.frames > 1 or self.looks > 1


class Follower:
    """Follows sightings over time: `push` takes a frame's, and gives those that were not seen any more for a while."""

    def __init__(self) -> None:
        self._open: list[Followed] = []

    def push(self, seconds: float, seen: Sequence[tuple[Sighting, Sight | None]]) -> list[Followed]:
        """Add a frame at `seconds`: each sighting, and what to note of it where the output shows it."""
        gone = [one for one in self._open if seconds - one.seconds > APART_SECONDS]
        self._open = [one for one in self._open if seconds - one.seconds <= APART_SECONDS]
        before = list(self._open)
        known = {column: row for row, column in match([one.box for one in before], [one.box for one, _ in seen])}
        for index, (sighting, sight) in enumerate(seen):
            if index in known:
                one = before[known[index]]
            else:
                one = Followed(sighting.box, seconds)
                self._open.append(one)
            one.box, one.seconds = sighting.box, seconds
            one.frames, one.looks = one.frames + 1, max(one.looks, sighting.looks)
            if sight is not None and one.legible is None:
                one.legible = Stretch.of(sight)
            elif sight is not None and one.legible is not None:
                one.legible.add(sight)
        return gone

    def flush(self) -> list[Followed]:
        """Those that are still followed."""
        return self._open
