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

from faceblur.auditing.legible import Box
from faceblur.auditing.moments import APART_SECONDS, Sight, Stretch
from faceblur.detection.client import FunctionClient
from faceblur.tracking.boxes import match
from faceblur_function import wire
from faceblur_function.images import encode_image

# A run's detection scales down to 1920 (the function's DETECT_SIZE): twice the size is up to this long side. A larger
# picture goes in tiles, or the function would scale it down; a face of up to OVERLAP pixels is whole in one of them.
LONG_SIDE, TILE, OVERLAP = 3840, 1920, 192
# Larger finds in the enlarged picture, in its pixels, are left to the one as it is: whole bodies look like faces there.
MAX_ENLARGED = 128.0
# Finds of one frame that overlap by this IoU are one face.
ONE_FACE = 0.4
JPEG_QUALITY = 95
BGR = NDArray[np.uint8]


@dataclass(slots=True)
class Sighting:
    """A place where faces were found in one frame: the best find's box and score.

    `in_source` are the scores with which the looks found it in the source. There are none where only the output shows
    one: a redacted head often looks like a face to a detector.
    """

    box: Box
    score: float
    in_source: list[float]


@dataclass(frozen=True, slots=True)
class _Find:
    """What one look found. One that only `confirms` begins no sighting."""

    box: Box
    score: float
    in_source: bool
    confirms: bool


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


async def look(clients: Sequence[FunctionClient], source: BGR, output: BGR, options: wire.Options) -> list[Sighting]:
    """What all detectors find in the two pictures of one frame. May be cancelled."""
    views = await asyncio.to_thread(lambda: [*_views(source), *_views(output)])
    images = await asyncio.to_thread(lambda: [encode_image(one.image, "jpeg", JPEG_QUALITY) for one in views])
    answers = await asyncio.gather(*(client.send(images, options, return_frames=False) for client in clients))
    finds = []
    for answer in answers:
        for index, (view, faces) in enumerate(zip(views, answer.faces, strict=True)):
            for face in faces:
                large = view.enlarged and face.box[3] - face.box[1] > MAX_ENLARGED
                finds.append(_Find(view.place(face.box), face.score, index < len(views) // 2, large))
    return _merged(finds)


def _merged(finds: Iterable[_Find]) -> list[Sighting]:
    """One sighting for the finds at one place: the best of the source's, if there is one, tells where it is."""
    sightings: list[Sighting] = []
    for find in sorted(finds, key=lambda one: (one.confirms, not one.in_source, -one.score)):
        for one in sightings:
            if iou(one.box, find.box) >= ONE_FACE:
                one.in_source += [find.score] * find.in_source
                break
        else:
            if not find.confirms:
                sightings.append(Sighting(find.box, find.score, [find.score] * find.in_source))
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
    """What may be a face, over the frames in which it was seen.

    `sure` counts the looks that surely found it in the source. `legible` are the frames in which the output still shows
    it, None where there is none; `score` is the best with which it was found in the source in one of these.
    """

    box: Box
    seconds: float
    sure: int = 0
    score: float = 0.0
    legible: Stretch | None = None


class Follower:
    """Follows sightings over time: `push` takes a frame's, and gives those that were not seen any more for a while.

    `sure` is the score from which a look is sure.
    """

    def __init__(self, sure: float) -> None:
        self._sure = sure
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
            one.sure += sum(score >= self._sure for score in sighting.in_source)
            if sight is None:
                continue
            one.score = max([one.score, *sighting.in_source])
            if one.legible is None:
                one.legible = Stretch.of(sight)
            else:
                one.legible.add(sight)
        return gone

    def flush(self) -> list[Followed]:
        """Those that are still followed."""
        return self._open
