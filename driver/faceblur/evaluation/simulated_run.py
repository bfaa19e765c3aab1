"""What a run by default would mask in an evaluated video: the stages of a run, without an output.

All frames were searched for the evaluation. A run searches a part of them, and only these get their detections here.
Doubtful tracks are verified by the function.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from faceblur.base.errors import MediaError
from faceblur.base.options import Options
from faceblur.base.stages import in_order
from faceblur.detection.client import FunctionClient
from faceblur.evaluation.samples import EvaluatedVideo
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.batch_reader import BatchReader, into_batches
from faceblur.redaction.comparison import compare_frames
from faceblur.redaction.frame import Frame
from faceblur.redaction.look_ahead import LookAhead
from faceblur.redaction.search import IntervalSearch
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.redaction.verification import verification_of
from faceblur.redaction.video_frame import VideoFrame
from faceblur.tracking.boxes import LOW_THRESHOLD, Box

Done = TypeVar("Done")


class SimulatedFrame(VideoFrame):
    """A frame that is not written: its pixels stay as they are."""

    def convert(self, pix_fmts: Mapping[int, str]) -> None:
        """Nothing: there is no output."""

    def mask(self, boxes: Sequence[Box], *, style: str, padding: float) -> None:
        """Nothing: its masks are listed."""


class RecordedDetections:
    """Answers for the function with what it detected before, from the scores on that a run asks for."""

    def __init__(self, video: EvaluatedVideo, options: Options) -> None:
        self._video = video
        self._from = min(options.threshold, LOW_THRESHOLD) if options.look_around else options.threshold

    async def ask(self, frames: Sequence[Frame]) -> None:
        """Set the detections of these frames. Raises MediaError where the video had no such frame before."""
        for frame in frames:
            if frame.number >= len(self._video.frames):
                raise _changed(self._video)
            found = self._video.frames[frame.number].detections
            frame.detections, frame.is_searched = [one for one in found if one.score >= self._from], True


async def masked_boxes(
    video: EvaluatedVideo, options: Options, client: FunctionClient, codecs: Executor
) -> list[list[Box]]:
    """The boxes that a run with these options masks in each frame. Raises MediaError or FunctionError."""
    work = FileWork(video.path, codecs, emit=lambda _: None)
    boxes: list[list[Box]] = []
    async with AsyncExitStack() as stack:
        opening = partial(VideoReader, video.path, canvases=video.canvases)
        reading = await stack.enter_async_context(OwnThread(opening, "read"))
        main = reading.object.main_stream.index
        batches = into_batches(_frames(reading.object), main, options)
        batch_reader = stack.enter_context(BatchReader(batches, reading, client.limit.batches, work))
        search = IntervalSearch(RecordedDetections(video, options), options, work, pix_fmts={})
        look_ahead = LookAhead(main, options, work, verification_of(client, options, work))
        searched = in_order(search.search_ends(batch_reader.read(), _at_once))
        settled = in_order(search.search_between(compare_frames(searched, work), _at_once))
        async for ready in look_ahead.mask_faces(in_order(look_ahead.track(settled, _at_once))):
            boxes += [list(frame.masks.values()) for frame in ready.frames]
            if ready.lease is not None:
                ready.lease.release()
    if len(boxes) != len(video.frames):
        raise _changed(video)
    return boxes


def _at_once(work: Coroutine[Any, Any, Done]) -> Awaitable[Done]:
    """Nothing is started ahead: one batch after the other."""
    return work


def _changed(video: EvaluatedVideo) -> MediaError:
    """The error for a video that has other frames than before."""
    return MediaError(f"{video.path}: changed while it was evaluated")


def _frames(reader: VideoReader) -> Iterator[Any]:
    """The frames of the main stream."""
    for item in reader:
        if isinstance(item, DecodedFrame) and item.stream == reader.main_stream.index:
            yield SimulatedFrame.of(item)
