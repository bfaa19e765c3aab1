"""The second detection pass: searches the source once more, as closely as evidence asks for it.

At intervals a frame is searched at full size, some enlarged and by the other models. So is one that shows what those
around it do not. In any other what both ends of its interval show is taken to be there; where they do not agree, it is
searched in a small copy. What may be a face that is not masked, and each place where a masked face ended or began, is
looked at in enlarged crops, by every model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.audited_frame import AuditedFrame
from faceblur.auditing.carried_detections import DOUBTFUL, carry
from faceblur.auditing.looks import CROPS, HALVED, MAX_ENLARGED, Look, crop_looks, enlarged_looks, is_small, small_look
from faceblur.auditing.lost_places import lost_places
from faceblur.auditing.masked_share import is_masked
from faceblur.auditing.merged_detections import LookDetection, MergedDetection, merged
from faceblur.auditing.report import AuditDetector
from faceblur.detection.client import FunctionClient
from faceblur.tracking.boxes import Box, centre, holds, iou
from faceblur_function import wire
from faceblur_function.defaults import MAX_FRAMES

# Lower scores tell nothing: there are dozens of them in each frame.
MIN_SCORE = 0.1
# Seconds after which a place is looked at in crops again, and the overlap from which it is the same place.
AGAIN_SECONDS, SAME_PLACE = 0.2, 0.3
# At least this often a frame is searched enlarged, and by the other models, in seconds. In a run of so many frames that
# show anything new each one is searched, in a longer one, as of a moving scene, the middle one.
ENLARGED_SECONDS, OTHERS_SECONDS, GLIMPSE = 0.8, 0.4, 3
# One look at a place where a masked face ended.
PLACE_CROP = CROPS[:1]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Detectors:
    """The detectors of an audit, the first one fast, and what each of them is."""

    clients: tuple[FunctionClient, ...]
    infos: tuple[AuditDetector, ...]

    def second_of(self, model: int) -> int | None:
        """The one that the function of another one would have search small frames, too; None where it is not here."""
        names = [info.model for info in self.infos]
        second = self.clients[model].verifier
        return names.index(second) if second in names else None


@dataclass(slots=True)
class _OtherImage:
    detections: list[MergedDetection] = field(default_factory=list)


class SourceSearch:
    """Searches the frames of a stream, several at a time, in order.

    Each detector searches alone: what its function's second one detects would pass for its own, and for a confirmation
    by the other. `threshold` is the lowest score that counts. Raises FunctionError.
    """

    def __init__(self, detectors: Detectors, threshold: float, threads: Executor) -> None:
        self._clients, self._threads = detectors.clients, threads
        seconds = [detectors.second_of(model) for model in range(len(detectors.clients))]
        self._second = next((one for one in seconds if one is not None), None)
        options = wire.RequestOptions(threshold=max(threshold, MIN_SCORE))
        alone = options.model_copy(update={"alone": True})
        self._options = [options if second is None else alone for second in seconds]

    async def search(
        self, before: AuditedFrame | None, frames: Sequence[AuditedFrame], compare: Callable[[], Awaitable[None]]
    ) -> None:
        """Set the detections of frames, the last of which ends an interval; `before` is the one before them.

        `compare` sets which of them show anything new, and waits until `before` has its detections.
        """
        ends = [one for one in frames if one.ends_interval]
        await asyncio.gather(
            compare(),
            self._look_at_full_size(ends),
            self._look_enlarged(_every(ENLARGED_SECONDS, before, ends)),
            self._look_by_others(_every(OTHERS_SECONDS, before, ends)),
        )
        runs = _runs(frames)
        new = [one for run in runs for one in (run if len(run) <= GLIMPSE else [run[len(run) // 2]])]
        glimpses = [run[len(run) // 2] for run in runs if len(run) <= GLIMPSE]
        await asyncio.gather(
            self._look_at_small(carry(before, frames)),
            self._look_at_full_size([one for one in new if max(one.image.shape) >= HALVED]),
            self._look_by_others(glimpses),
        )
        await self._look_at_alpha(frames)
        await self._look_at_places(before, frames)
        await self._look_at_doubtful(frames)

    async def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[MergedDetection]]:
        """What the models detect in other images, `(H, W, 3) uint8 BGR`, at full size."""
        shown = [_OtherImage() for _ in images]
        looks = [(one, Look(image)) for one, image in zip(shown, images, strict=True)]
        await asyncio.gather(*(self._look(model, looks) for model in range(len(self._clients))))
        return [one.detections for one in shown]

    async def _look_at_small(self, frames: Sequence[AuditedFrame]) -> None:
        looks = await self._in_threads([partial(small_look, one.image) for one in frames])
        await self._look_in_frames(list(zip(frames, looks, strict=True)))

    async def _look_at_full_size(self, frames: Sequence[AuditedFrame]) -> None:
        await self._look_in_frames([(one, Look(one.image)) for one in frames])

    async def _look_in_frames(self, looks: Sequence[tuple[AuditedFrame, Look]]) -> None:
        """Have the first model search images, and a second detector the small frames among them, as in a run."""
        small = [one for one, _ in looks if is_small(one.image)]
        seconds = [] if self._second is None else [self._look_enlarged(small, self._second)]
        await asyncio.gather(self._look(0, looks), *seconds)

    async def _look_enlarged(self, frames: Sequence[AuditedFrame], model: int = 0) -> None:
        tiles = await self._in_threads([partial(enlarged_looks, one.image) for one in frames])
        await self._look(model, [(one, look) for one, looks in zip(frames, tiles, strict=True) for look in looks])

    async def _look_by_others(self, frames: Sequence[AuditedFrame]) -> None:
        """Have the other models search frames at full size."""
        looks = [(one, Look(one.image)) for one in frames]
        await asyncio.gather(*(self._look(model, looks) for model in range(1, len(self._clients))))

    async def _look_at_alpha(self, frames: Sequence[AuditedFrame]) -> None:
        alphas = [
            (one, look)
            for one in frames
            if one.alpha is not None
            for look in (Look(one.alpha), *(enlarged_looks(one.alpha) if is_small(one.alpha) else ()))
        ]
        await asyncio.gather(*(self._look(model, alphas) for model in range(len(self._clients))))

    async def _look_at_places(self, before: AuditedFrame | None, frames: Sequence[AuditedFrame]) -> None:
        """Look where a masked face ended or began a moment ago: the detector of the run may have lost it."""
        model = len(self._clients) - 1
        crops = [
            (one, look)
            for one, place in lost_places(before, frames)
            for look in crop_looks(one.image, place, PLACE_CROP)
        ]
        await self._look(model, crops)

    async def _look_at_doubtful(self, frames: Sequence[AuditedFrame]) -> None:
        """Look at what may be a face that is not masked: all models, in crops."""
        looked: list[tuple[float, Box]] = []
        crops: list[tuple[AuditedFrame, Look]] = []
        for frame in frames:
            for detection in frame.detections:
                if detection.score < DOUBTFUL or is_masked(detection.box, frame.masked):
                    continue
                near = (box for seconds, box in looked if frame.seconds - seconds < AGAIN_SECONDS)
                if any(iou(box, detection.box) >= SAME_PLACE for box in near):
                    continue
                looked.append((frame.seconds, detection.box))
                crops += [(frame, look) for look in crop_looks(frame.image, detection.box)]
        await asyncio.gather(*(self._look(model, crops) for model in range(len(self._clients))))

    async def _look(self, model: int, looks: Sequence[tuple[AuditedFrame | _OtherImage, Look]]) -> None:
        """Have a model search images, and add what it detects to their frames."""
        parts = [looks[index : index + MAX_FRAMES] for index in range(0, len(looks), MAX_FRAMES)]
        for part in parts:
            images = await self._in_threads([look.jpeg for _, look in part])
            answer = await self._clients[model].send(images, self._options[model], return_frames=False)
            for (frame, look), faces in zip(part, answer.faces, strict=True):
                found = _detections(look, faces, model)
                frame.detections = merged(found, frame.detections)

    async def _in_threads(self, works: Iterable[Callable[[], Result]]) -> list[Result]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(self._threads, work) for work in works))


def _detections(look: Look, faces: Iterable[wire.Face], model: int) -> list[LookDetection]:
    found = []
    for face in faces:
        box = look.to_frame(face.box)
        if look.middle is not None and not holds(look.middle, centre(box)):
            continue
        confirms = look.is_enlarged and face.box[3] - face.box[1] > MAX_ENLARGED
        found.append(LookDetection(box, face.score, model, confirms, in_crop=look.middle is not None))
    return found


def _runs(frames: Sequence[AuditedFrame]) -> list[list[AuditedFrame]]:
    """The frames that show what those around them do not, those that follow each other together."""
    runs: list[list[AuditedFrame]] = []
    for frame in frames:
        if not frame.shows_new or frame.ends_interval:
            continue
        if runs and runs[-1][-1].number == frame.number - 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs


def _every(seconds: float, before: AuditedFrame | None, ends: Sequence[AuditedFrame]) -> list[AuditedFrame]:
    """The first one in each span of so many seconds; `before` is the one before them."""
    last = None if before is None else int(before.seconds / seconds)
    chosen = []
    for frame in ends:
        if int(frame.seconds / seconds) != last:
            chosen.append(frame)
        last = int(frame.seconds / seconds)
    return chosen
