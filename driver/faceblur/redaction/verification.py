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
from faceblur.detection.client import FunctionClient
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.boxes import Box
from faceblur.tracking.doubtful_tracks import Question
from faceblur_function import images, wire
from faceblur_function.defaults import CROP_SIDES, MAX_FRAMES

log = logging.getLogger("faceblur")
# Pixels of a box: of a larger one a smaller copy is sent. The second detector looks at no larger one.
MAX_SIDE = 96
# A box that comes this near to the border of its frame, as a share of its larger side, is not asked about: of faces
# that the border cuts, the second detector does not see one in ten.
BORDER = 0.05
# The lowest score that the second detector lists.
MIN_SCORE = 0.02

Asked = tuple[Question[Frame], bytes]


class Verification:
    """The questions of one file. The function has to have a second detector."""

    def __init__(self, client: FunctionClient, work: FileWork) -> None:
        self._client, self._work = client, work

    async def take_crops(self, frames: Iterable[Frame]) -> list[Asked]:
        """The new questions about some frames, each with its crop. No frame may be masked yet."""
        new = {id(one): one for frame in frames for one in frame.doubts.values() if one.frame is not None}
        works, pixels = [partial(_crop, one) for one in new.values()], [one.frame for one in new.values() if one.frame]
        crops = await self._work.spread("JPEG", works, all_pixels(pixels))
        return [(one, crop) for one, crop in zip(new.values(), crops, strict=True) if crop is not None]

    async def answer(self, asked: Sequence[Asked]) -> None:
        """Have the second detector answer. Where it does not, the questions stay without an answer."""
        parts = [asked[first : first + MAX_FRAMES] for first in range(0, len(asked), MAX_FRAMES)]
        await asyncio.gather(*map(self._answer, parts))

    async def _answer(self, asked: Sequence[Asked]) -> None:
        options = wire.RequestOptions(threshold=MIN_SCORE)
        try:
            with self._work.at("function"):
                answer = await self._client.send([crop for _, crop in asked], options, return_frames=False, verify=True)
        except FunctionError as error:
            log.warning("%s: doubtful faces stay masked: %s", self._work.source, error)
            return
        seconds = sum(answer.timings_ms.get(name, 0.0) for name in ("decode", "detect")) / 1000
        self._work.emit(TimeSpent(self._work.source, "function: verify", seconds))
        for (question, _), faces in zip(asked, answer.faces, strict=True):
            question.answer = max((face.score for face in faces), default=0.0)


def _crop(question: Question[Frame]) -> bytes | None:
    """The PNG of a square of CROP_SIDES sides around the box of a question; None where the frame's border cuts it."""
    frame, question.frame = question.frame, None
    assert frame is not None
    x1, y1, x2, y2 = question.box
    width, height = frame.upright_wh
    side = max(x2 - x1, y2 - y1)
    margin = BORDER * side
    if x1 < margin or y1 < margin or x2 > width - margin or y2 > height - margin:
        return None
    return images.encode_image(_square(frame.upright(), question.box), "png", 100)


def _square(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """A square of CROP_SIDES sides of a box around its middle. What lies beside the image repeats its border."""
    x1, y1, x2, y2 = box
    half = CROP_SIDES * max(x2 - x1, y2 - y1) / 2
    left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
    right, bottom = left + max(1, round(2 * half)), top + max(1, round(2 * half))
    height, width = image.shape[:2]
    part = image[max(0, top) : bottom, max(0, left) : right]
    beside = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    square: NDArray[np.uint8] = cv2.copyMakeBorder(part, *beside, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    limit = CROP_SIDES * MAX_SIDE
    if len(square) <= limit:
        return square
    return cv2.resize(square, (limit, limit), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
