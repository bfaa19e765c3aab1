"""One image file: its pages pass the same stages as a video's frames, and an animation's are tracked as a video is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from faceblur.base.atomic_files import write_complete
from faceblur.base.errors import MediaError
from faceblur.base.events import PositionLeft
from faceblur.base.memory_bounds import IMAGE_BATCHES
from faceblur.base.options import Options
from faceblur.base.regions import parse_regions
from faceblur.base.stages import Channel, Stages, in_order
from faceblur.detection.client import FunctionClient
from faceblur.detection.gate import Gate
from faceblur.media.frame_sequence import FrameSequence
from faceblur.media.images.image_reader import read_image
from faceblur.redaction.batch import Ready
from faceblur.redaction.batch_reader import BatchReader, into_batches
from faceblur.redaction.by_hand import check_regions
from faceblur.redaction.comparison import compare_frames
from faceblur.redaction.function_requests import FunctionRequests
from faceblur.redaction.image_frame import PageFrame
from faceblur.redaction.look_ahead import LookAhead
from faceblur.redaction.search import IntervalSearch
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.redaction.verification import verification_of
from faceblur.redaction.written import Written
from faceblur_function.defaults import MAX_FRAMES

MAX_PAGES = MAX_FRAMES // 2  # in one request: each may be searched in two views
MIN_SECONDS = 0.01  # that a frame of an animation is shown: some files say 0


async def redact_image(target: Path, options: Options, work: FileWork, *, client: FunctionClient) -> Written:
    """Write the complete image, or nothing. Raises MediaError or FunctionError; may be cancelled.

    `work` names the source. Every page is searched; pages that are no animation have nothing to do with each other.
    """
    async with AsyncExitStack() as stack:
        reading = await stack.enter_async_context(OwnThread(partial(PageReader, work.source), "read"))
        image = reading.object.image
        look_around = options.look_around if image.animated else 0.0
        batch_size = min(options.batch_size, MAX_PAGES)
        options = replace(options, detect_every=1, look_around=look_around, batch_size=batch_size)
        batches = into_batches(reading.object.frames(options), 0, options)
        batch_reader = stack.enter_context(BatchReader(batches, reading, Gate(lambda: IMAGE_BATCHES), work))
        search = IntervalSearch(
            FunctionRequests(client, options, work, return_frames=False), options, work, pix_fmts={}
        )
        verification = verification_of(client, options, work)
        look_ahead = LookAhead(0, options, work, verification, max_frames=lambda _: len(image.pages))
        async with Stages() as stages:
            read = stages.link(batch_reader.read(), capacity=1)
            searched = stages.link(search.search_ends(read, stages.start), capacity=IMAGE_BATCHES)
            compared = stages.link(compare_frames(in_order(searched), work), capacity=1)
            masked = stages.link(search.search_between(compared, stages.start), capacity=IMAGE_BATCHES)
            tracked = stages.link(look_ahead.track(in_order(masked), stages.start), capacity=IMAGE_BATCHES)
            ready = stages.link(look_ahead.mask_faces(in_order(tracked)), capacity=IMAGE_BATCHES)
            await _check_pages(ready, len(image.pages), work)
        # On its own thread: when this is cancelled meanwhile, leaving the stack waits for it.
        content = await reading.call(image.encode, image.pages)
        try:
            await reading.call(write_complete, target, content)
        except OSError as error:
            raise MediaError(f"{target}: cannot be written: {error.strerror}") from error
        return Written(tuple(image.left_out), by_hand=tuple(look_ahead.by_hand.notes()))


class PageReader:
    """An image file with all its pages decoded; a context manager. Raises MediaError."""

    def __init__(self, path: Path) -> None:
        self._path, self.image = path, read_image(path)

    def frames(self, options: Options) -> Iterator[PageFrame]:
        """Its pages as frames, at the times at which they are shown. Raises OutsideFrame for a misplaced region."""
        for size_wh in {page.size_wh for page in self.image.pages}:
            check_regions(options, size_wh, self._path)
        cover, spare = parse_regions(options.cover), parse_regions(options.spare)
        seconds = 0.0
        for number, page in enumerate(self.image.pages):
            animated = self.image.animated
            frame = PageFrame(page=page, is_animated=animated, stream=0, number=number, seconds=seconds)
            frame.cover, frame.spare = cover, spare
            yield frame
            seconds += max(page.seconds, MIN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.image.pages.clear()


async def _check_pages(ready: Channel[Ready], pages: int, work: FileWork) -> None:
    """Take the pages, which are masked in place, in order. Raises MediaError when one is missing."""
    sequence = FrameSequence(work.source)
    async for one in ready:
        for frame in one.frames:
            sequence.check_next(frame)
        if one.lease is not None:
            work.emit(PositionLeft(work.source, "ready"))
            one.lease.release()
    sequence.check_complete({0: pages})
