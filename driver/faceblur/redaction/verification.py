"""Has the function's second detector look at doubtful tracks, on crops of the frames that show them best."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.base.errors import FunctionError
from faceblur.base.events import TimeSpent
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.boxes import Box
from faceblur.tracking.doubtful_tracks import Question
from faceblur_function import images, wire
from faceblur_function.defaults import CROP_SIDES, MAX_FRAMES

log = logging.getLogger("faceblur")
# Pixels of a box: of a larger one a smaller copy is sent. The second detector looks at no larger one.
MAX_SIDE = 64
# What is beside a frame: its mirror image, which makes a face of half a one, and black. Of 468 faces that it cuts,
# 1 is given less than 0.08 by the second detector; 75 where the border is repeated (docs/defaults.md).
BESIDE = (cv2.BORDER_REFLECT, cv2.BORDER_CONSTANT)
# The lowest score that the second detector lists.
MIN_SCORE = 0.02

Asked = tuple[Question[Frame], list[bytes]]


class Verification:
    """The questions of one file. The function has to have a second detector."""

    def __init__(self, client: FunctionClient, work: FileWork) -> None:
        self._client, self._work = client, work

    async def take_crops(self, frames: Iterable[Frame]) -> list[Asked]:
        """The new questions about some frames, each with its crops. No frame may be masked yet."""
        new = {id(one): one for frame in frames for one in frame.doubts.values() if one.seen}
        seen: dict[int, tuple[Frame, list[Box]]] = {}
        for frame, box in [one for question in new.values() for one in question.seen]:
            seen.setdefault(id(frame), (frame, []))[1].append(box)
        works = [partial(_crops, *one) for one in seen.values()]
        crops = await self._work.spread("JPEG", works, all_pixels([frame for frame, _ in seen.values()]))
        of_frames = {number: iter(its) for number, its in zip(seen, crops, strict=True)}
        asked = [(one, [crop for frame, _ in one.seen for crop in next(of_frames[id(frame)])]) for one in new.values()]
        for question, _ in asked:
            question.seen = []
        return asked

    async def answer(self, asked: Sequence[Asked]) -> None:
        """Have the second detector answer. Where it does not, the questions stay without an answer."""
        crops = [crop for _, some in asked for crop in some]
        parts = [crops[first : first + MAX_FRAMES] for first in range(0, len(crops), MAX_FRAMES)]
        scores = [score for part in await asyncio.gather(*map(self._scores, parts)) for score in part]
        for question, some in asked:
            own, scores = scores[: len(some)], scores[len(some) :]
            answered = [score for score in own if score is not None]
            if len(answered) == len(some):
                question.answer = max(answered, default=None)

    async def _scores(self, crops: Sequence[bytes]) -> list[float | None]:
        """The best score in the middle of each crop; None where there is no answer."""
        options = wire.RequestOptions(threshold=MIN_SCORE)
        try:
            with self._work.at("function"):
                answer = await self._client.send(list(crops), options, return_frames=False, verify=True)
        except FunctionError as error:
            log.warning("%s: doubtful faces stay masked: %s", self._work.source, error)
            return [None] * len(crops)
        seconds = sum(answer.timings_ms.get(name, 0.0) for name in ("decode", "detect")) / 1000
        self._work.emit(TimeSpent(self._work.source, "function: verify", seconds))
        return [max((face.score for face in faces), default=0.0) for faces in answer.faces]


def verification_of(client: FunctionClient, options: Options, work: FileWork) -> Verification | None:
    """What verifies a file's doubtful tracks; None where that is off, or the function has no second detector."""
    return Verification(client, work) if client.verifier and options.verify else None


def _crops(frame: Frame, boxes: Sequence[Box]) -> list[list[bytes]]:
    """The PNGs of each box of a frame."""
    image = frame.upright()
    return [[images.encode_image(square, "png", 100) for square in _squares(image, box)] for box in boxes]


def _squares(image: NDArray[np.uint8], box: Box) -> list[NDArray[np.uint8]]:
    """A square of CROP_SIDES sides of a box around its middle: twice, as BESIDE says, where it goes over the border."""
    x1, y1, x2, y2 = box
    half = CROP_SIDES * max(x2 - x1, y2 - y1) / 2
    left, top, side = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half), max(1, round(2 * half))
    part = image[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if not part.size:  # a box of less than a pixel
        return []
    # Made small before it is continued: the square of a face that fills a frame has nine times the frame's pixels.
    limit = min(side, CROP_SIDES * MAX_SIDE)
    first_y, last_y = _placed(-top, part.shape[0], limit / side)
    first_x, last_x = _placed(-left, part.shape[1], limit / side)
    if limit < side:
        part = cv2.resize(part, (last_x - first_x, last_y - first_y), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    beside = first_y, limit - last_y, first_x, limit - last_x
    fills = BESIDE if any(beside) else BESIDE[:1]
    return [cv2.copyMakeBorder(part, *beside, fill) for fill in fills]  # type: ignore[misc]


def _placed(before: int, length: int, scale: float) -> tuple[int, int]:
    """Where the part of a square that lies in the image begins and ends, in pixels of the scaled square."""
    first, last = (round(scale * (max(0, before) + one)) for one in (0, length))
    return min(first, last - 1), last
