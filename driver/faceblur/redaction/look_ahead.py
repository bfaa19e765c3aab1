"""Masks faces, also those that the detector missed: frames pass a look-ahead window, one for each video stream."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from faceblur.base.errors import InvalidReply
from faceblur.base.events import FacesRejected, FramesMasked, GapsMasked
from faceblur.base.face_checks import MAX_MASKS, in_bounds, reaches_into
from faceblur.base.memory_bounds import window_frames
from faceblur.base.options import Options
from faceblur.base.regions import parse_regions
from faceblur.redaction.batch import Batch, Ready
from faceblur.redaction.by_hand import ByHand
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.doubtful_tracks import Question, Verdicts
from faceblur.tracking.steady_masks import joined
from faceblur.tracking.tracker import Tracker

# How far apart the video streams of a file may lie at one position of it: a sparse one's window waits no longer.
INTERLEAVED_SECONDS = 1.0
Start = Callable[[Coroutine[Any, Any, Ready]], Awaitable[Ready]]


Asked = tuple[Question[Frame], list[bytes]]


class Verifies(Protocol):
    """Takes crops for the new questions about frames that are not masked yet, and answers them."""

    async def take_crops(self, frames: Iterable[Frame]) -> list[Asked]: ...
    async def answer(self, asked: Sequence[Asked]) -> None: ...


class LookAhead:
    """Takes searched frames in order, and gives them back twice `look_around` later, with all their faces masked.

    The frames were compared (see `compare_frames`). `main` is the index of the main video stream; `max_frames` is the
    length of a window of frames of some bytes. `verification` asks about doubtful tracks; None masks them all.
    `by_hand` counts what the regions by hand did.
    """

    def __init__(
        self,
        main: int,
        options: Options,
        work: FileWork,
        verification: Verifies | None = None,
        max_frames: Callable[[int], int] = window_frames,
    ) -> None:
        self._verification = verification
        self._verdicts: dict[int, Verdicts] = defaultdict(Verdicts)
        self._main, self._options, self._work, self._max_frames = main, options, work, max_frames
        self._trackers: dict[int, Tracker[Frame]] = {}
        self._main_seconds = -math.inf
        self.by_hand = ByHand(parse_regions(options.cover), parse_regions(options.spare))

    async def track(self, batches: AsyncIterable[Batch], start: Start) -> AsyncGenerator[Awaitable[Ready]]:
        """Link the detections of all frames, and ask about doubtful tracks, several batches at a time.

        The last frames come with the packets after them.
        """
        tail: list[Any] = []
        async for batch in batches:
            ready = [one for frame in batch.frames for one in self._tracker(frame).push(frame)]
            for frame in batch.frames:
                if frame.stream == self._main:
                    self._main_seconds = frame.seconds
            for tracker in self._trackers.values():
                ready += tracker.complete(self._main_seconds - INTERLEAVED_SECONDS)
            tail += batch.tail
            yield start(self._answered(Ready(ready, [], batch.lease), await self._asked(ready)))
        rest = [frame for tracker in self._trackers.values() for frame in tracker.flush()]
        yield start(self._answered(Ready(rest, tail), await self._asked(rest)))

    async def mask_faces(self, tracked: AsyncIterable[Ready]) -> AsyncGenerator[Ready]:
        """Mask the faces of all frames, which come in order."""
        async for ready in tracked:
            await self._mask(ready.frames)
            yield ready

    async def _asked(self, frames: Sequence[Frame]) -> list[Asked]:
        return [] if self._verification is None else await self._verification.take_crops(frames)

    async def _answered(self, ready: Ready, asked: Sequence[Asked]) -> Ready:
        if self._verification is not None and asked:
            await self._verification.answer(asked)
        return ready

    def _tracker(self, frame: Frame) -> Tracker[Frame]:
        if frame.stream not in self._trackers:
            self._trackers[frame.stream] = Tracker(
                threshold=self._options.threshold,
                look_around=self._options.look_around,
                max_frames=self._max_frames(frame.size_bytes),
                verifies=self._verification is not None,
            )
        return self._trackers[frame.stream]

    async def _mask(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self._settle(frame)
            self.by_hand.add(frame, list(frame.masks.values()))
        changed = [frame for frame in frames if frame.masks or frame.cover]
        await self._work.spread("mask", [partial(self._mask_one, frame) for frame in changed], all_pixels(changed))
        states = Counter(
            frame.state_of(track) for frame in changed for track, box in frame.masks.items() if not frame.is_spared(box)
        )
        self._work.emit(FramesMasked(self._work.source, len(frames), states.pop("detected", 0)))
        for state, faces in states.items():
            self._work.emit(GapsMasked(self._work.source, faces, state))
        if rejected := sum(len(frame.rejected) for frame in frames):
            self._work.emit(FacesRejected(self._work.source, rejected))

    def _mask_one(self, frame: Frame) -> None:
        """Mask a frame's faces, and then its regions: what is covered stays covered."""
        style = self._options.style
        frame.mask(list(frame.masks.values()), style=style, padding=self._options.padding)
        if frame.cover:
            frame.mask_regions([region.box for region in frame.cover], style=style)

    def _settle(self, frame: Frame) -> None:
        """Take what is not masked out of a frame's masks: what was rejected, and gaps that left the frame.

        Raises InvalidReply where too many are left.
        """
        for track, box in list(frame.masks.items()):
            if reaches_into(box, frame.upright_wh, self._options.padding):
                frame.masks[track] = in_bounds(box)
            else:
                frame.gaps.discard(track)
                del frame.masks[track]
        verdicts = self._verdicts[frame.stream]
        for track, score in verdicts.rejected(frame.doubts, may_be_cut=frame.may_be_cut).items():
            if track in frame.masks:
                frame.rejected[track] = frame.masks.pop(track), score
        for track in verdicts.unconfirmed(frame.ends & frame.masks.keys()):
            del frame.masks[track]
        # In the sidecar's order: of masks that overlap the later one blurs the earlier one, and an audit does it again.
        frame.masks = dict(sorted(joined(frame.masks, frame.gaps).items()))
        frame.gaps &= frame.masks.keys()
        frame.followed &= frame.gaps
        count = len(frame.cover) + len(frame.masks)
        if count > MAX_MASKS:
            raise InvalidReply(f"frame {frame.number}: {count} faces are to be masked, more than {MAX_MASKS}")
