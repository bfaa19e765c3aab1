"""Where a run's detections come from: the frames that end an interval are searched, then ambiguous ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from faceblur.base.events import FramesMasked, PositionEntered
from faceblur.base.options import Options
from faceblur.redaction.batch import Batch
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.search_intervals import SearchedFrame, Span

Start = Callable[[Coroutine[Any, Any, Batch]], Awaitable[Batch]]


class SearchesFrames(Protocol):
    """Searches frames: sets their detections, and that they were searched."""

    async def ask(self, frames: Sequence[Frame]) -> None: ...


class IntervalSearch:
    """Chooses the frames that are searched, and prepares all of them for the output.

    `pix_fmts` are the pixel formats of the output by stream. Its methods raise what `requests` raises.
    """

    def __init__(
        self, requests: SearchesFrames, options: Options, work: FileWork, *, pix_fmts: Mapping[int, str]
    ) -> None:
        self._requests, self._options, self._work, self._pix_fmts = requests, options, work, pix_fmts

    async def search_all(self, frames: Sequence[Frame]) -> None:
        """Search and mask some frames, such as cover art. The number of faces is reported, the frames are not."""
        await self._compare(frames)
        await self._requests.ask(frames)
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
            spans = []
            for *inner, last in batch.intervals:
                spans += [Span(before, inner, last)] if inner else []
                before = SearchedFrame.of(last)
            yield start(self._search_between(batch, spans))

    async def _search_ends(self, batch: Batch) -> Batch:
        await self._compare(batch.frames)
        await self._requests.ask([frame for frame in batch.frames if frame.ends_interval])
        return batch

    async def _search_between(self, batch: Batch, spans: list[Span[Frame]]) -> Batch:
        while spans:
            choices = [partial(span.frame_to_search, self._options.threshold) for span in spans]
            chosen = await self._work.spread("compare", choices, all_pixels(batch.frames))
            searched = [(span, frame) for span, frame in zip(spans, chosen, strict=True) if frame is not None]
            await self._requests.ask([frame for _, frame in searched])
            spans = [part for span, frame in searched for part in span.split(frame) if part.inner]
        await self._prepare(batch.frames)
        self._work.emit(PositionEntered(self._work.source, "ready"))
        return batch

    async def _compare(self, frames: Sequence[Frame]) -> None:
        await self._work.spread("compare", [frame.make_thumbnail for frame in frames], all_pixels(frames))

    async def _prepare(self, frames: Sequence[Frame]) -> None:
        """Bring frames into the output's pixel format, and verify the function's images of them."""
        works = [partial(self._prepare_one, frame) for frame in frames]
        if faces := sum(await self._work.spread("mask", works, all_pixels(frames))):
            self._work.emit(FramesMasked(self._work.source, 0, faces))

    def _prepare_one(self, frame: Frame) -> int:
        frame.convert(self._pix_fmts)
        return frame.prepare(self._options)
