"""Where a run's detections come from: the function searches the frames that end an interval, then ambiguous ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from faceblur.base.events import FramesMasked, PositionEntered, ReplyReceived
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.detection.reply import CheckedReply
from faceblur.redaction.batch import Batch
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.boxes import LOW_THRESHOLD
from faceblur.tracking.search_intervals import SearchedFrame
from faceblur_function import wire

Start = Callable[[Coroutine[Any, Any, Batch]], Awaitable[Batch]]


class FunctionSearch:
    """Searches frames through the function, and verifies what it sends back.

    `pix_fmts` are the pixel formats of the output by stream. Its methods raise FunctionError.
    """

    def __init__(
        self,
        client: FunctionClient,
        options: Options,
        work: FileWork,
        *,
        return_frames: bool,
        pix_fmts: Mapping[int, str],
    ) -> None:
        self._client, self._options, self._work = client, options, work
        self._return_frames, self._pix_fmts = return_frames, pix_fmts
        # Low scores are asked for too where they can continue tracks.
        report_threshold = LOW_THRESHOLD if options.look_around else None
        self._request = wire.RequestOptions(
            threshold=options.threshold,
            report_threshold=report_threshold,
            style=options.style,
            padding=options.padding,
        )

    async def search_all(self, frames: Sequence[Frame]) -> None:
        """Search and mask some frames, such as cover art. The number of faces is reported, the frames are not."""
        await self._compare(frames)
        await self._ask(frames)
        await self._prepare(frames)
        options, boxes = self._options, [frame.above(self._options.threshold) for frame in frames]
        masks = [
            partial(frame.mask, its_boxes, style=options.style, padding=options.padding)
            for frame, its_boxes in zip(frames, boxes, strict=True)
        ]
        await self._work.spread("mask", masks, all_pixels(frames))
        self._work.emit(FramesMasked(self._work.source, 0, sum(map(len, boxes))))

    async def search_ends(self, batches: AsyncIterable[Batch], start: Start) -> AsyncGenerator[Awaitable[Batch]]:
        """Search the frames that end an interval, several batches at a time."""
        async for batch in batches:
            yield start(self._search_ends(batch))

    async def search_between(self, compared: AsyncIterable[Batch], start: Start) -> AsyncGenerator[Awaitable[Batch]]:
        """Search within the intervals that may show a new face, several batches at a time.

        The batches come in order, compared: an interval begins where the one before it ended.
        """
        before: SearchedFrame | None = None
        async for batch in compared:
            for interval in batch.intervals:
                interval.start, before = before, SearchedFrame.of(interval.frames[-1])
            yield start(self._search_between(batch))

    async def _search_ends(self, batch: Batch) -> Batch:
        await self._compare(batch.frames)
        await self._ask([frame for frame in batch.frames if frame.ends_interval])
        return batch

    async def _search_between(self, batch: Batch) -> Batch:
        spans = [span for interval in batch.intervals if (span := interval.span()).inner]
        while spans:
            choices = [partial(span.frame_to_search, self._options.threshold) for span in spans]
            chosen = await self._work.spread("compare", choices, all_pixels(batch.frames))
            searched = [(span, frame) for span, frame in zip(spans, chosen, strict=True) if frame is not None]
            await self._ask([frame for _, frame in searched])
            spans = [part for span, frame in searched for part in span.split(frame) if part.inner]
        await self._prepare(batch.frames)
        self._work.emit(PositionEntered(self._work.source, "ready"))
        return batch

    async def _compare(self, frames: Sequence[Frame]) -> None:
        await self._work.spread("compare", [frame.make_thumbnail for frame in frames], all_pixels(frames))

    async def _ask(self, frames: Sequence[Frame]) -> None:
        """Have the function search frames, in requests of at most a batch."""
        size = max(1, self._options.batch_size // max((frame.views for frame in frames), default=1))
        parts = [frames[index : index + size] for index in range(0, len(frames), size)]
        await asyncio.gather(*map(self._send, parts))

    async def _send(self, frames: Sequence[Frame]) -> None:
        encoded = await self._work.spread("JPEG", [frame.encode for frame in frames], all_pixels(frames))
        images = [image for parts in encoded for image in parts]
        with self._work.at("function"):
            answer = await self._client.send(images, self._request, return_frames=self._return_frames)
        self._report(answer)
        returned: Sequence[bytes | None] = answer.frames or [None] * len(images)
        first = 0
        for frame, parts in zip(frames, encoded, strict=True):
            own = slice(first, first + len(parts))
            frame.add_detections(answer.faces[own], returned[own])
            first = own.stop

    def _report(self, answer: CheckedReply) -> None:
        frames = len(answer.faces)
        self._work.emit(ReplyReceived(self._work.source, answer.model, answer.device, frames, dict(answer.timings_ms)))

    async def _prepare(self, frames: Sequence[Frame]) -> None:
        """Bring frames into the output's pixel format, and verify the function's images of them."""
        works = [partial(self._prepare_one, frame) for frame in frames]
        if faces := sum(await self._work.spread("mask", works, all_pixels(frames))):
            self._work.emit(FramesMasked(self._work.source, 0, faces))

    def _prepare_one(self, frame: Frame) -> int:
        frame.convert(self._pix_fmts)
        return frame.prepare(self._options)
