"""The audit of one video stream: read, compared and searched side by side, several frames at a time, each frame once.

Frames are compared with those of the same number. Only where it turns out at the end that frames are shifted, they are
compared again with those that they belong to; what was detected in the source stays.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.added_faces import check_added
from faceblur.auditing.audit_tally import AuditTally
from faceblur.auditing.audited_frame import AuditedFrame, compare
from faceblur.auditing.checked_frame import FrameChecks
from faceblur.auditing.finding_rules import confident_score
from faceblur.auditing.frame_alignment import Aligner, Alignment, SmallFrame
from faceblur.auditing.frame_checks import check_detections, check_frames, single_frames
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.auditing.search_journal import SearchJournal
from faceblur.auditing.steps import FramePair, PairImages, StreamPair
from faceblur.redaction.sidecar_format import SettingsUsed
from faceblur.tracking.search_intervals import SearchInterval

# So many intervals of frames are handled together, unless their pixels are more than this; so many such parts at once.
INTERVALS, MAX_PIXELS, IN_FLIGHT = 2, 8 << 20, 3
# A frame is searched at least every so many frames, and every so many seconds. No window bounds the intervals.
FRAMES, SECONDS, WINDOW = 6, 0.2, 1000
Advance = Callable[[int, int], None]


@dataclass(slots=True)
class _Steps:
    """Successive steps through both videos, and which of the source's frames end an interval."""

    pairs: list[FramePair]
    ends: set[int]


@dataclass(slots=True)
class _Checked:
    """A step, its checks where it is a pair of frames, and the small frames of source and output."""

    pair: FramePair
    checks: FrameChecks | None
    small: tuple[SmallFrame | None, SmallFrame | None]


@dataclass(slots=True)
class _Before:
    """The frame before a part, which the part is compared with, and whether it was searched meanwhile."""

    frame: AuditedFrame | None
    searched: asyncio.Event

    def set_searched(self, detections: list[MergedDetection]) -> None:
        if self.frame is not None:
            self.frame.detections = detections
        self.searched.set()


class Pairs(Protocol):
    """Reads a stream of both videos; see `PairReader`."""

    damage: tuple[str, ...]
    listed: set[int]

    def pairs(self) -> Generator[FramePair]: ...


class Search(Protocol):
    """Searches frames of the source; see `source_search`."""

    async def search(
        self, before: AuditedFrame | None, frames: Sequence[AuditedFrame], compare: Callable[[], Awaitable[None]]
    ) -> None: ...

    async def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[MergedDetection]]: ...


class StreamAudit:
    """Audits the video stream `pair`, and adds what it finds to `tally`.

    `opening` gives its frames in pairs, those of the same number or those of an alignment. `reading` is a thread for
    the videos, `threads` are for images; `advance` gets the number of frames that are done, and of the faces listed in
    them. `listed` are the video streams in the sidecar, once it was read. May be cancelled. Raises MediaError,
    SidecarError or FunctionError.
    """

    def __init__(
        self,
        opening: Callable[[Alignment | None], Pairs],
        pair: StreamPair,
        tally: AuditTally,
        search: Search,
        journal: SearchJournal,
        reading: Executor,
        threads: Executor,
        advance: Advance,
    ) -> None:
        self._opening, self._pair, self.tally, self._search = opening, pair, tally, search
        self._journal, self._reading, self._threads, self._advance = journal, reading, threads, advance
        self._detections: dict[int, list[MergedDetection]] = {}
        self._cuts = set[int]()
        self._aligner = Aligner(pair.tolerance)
        self.listed = set[int]()

    @property
    def _settings(self) -> SettingsUsed:
        return self.tally.settings

    async def run(self) -> Alignment:
        """Audit it. `tally` is another one afterwards where frames are shifted."""
        before = deepcopy(self.tally)
        reader = self._opening(None)
        self.tally.begin(self._pair)
        await self._walk(reader, searching=True)
        self.listed = reader.listed
        alignment = self._aligner.finish()
        if alignment.is_shifted:
            self.tally = before
            self.tally.begin(self._pair)
            self._advance(-max(alignment.source_frames, alignment.output_frames), 0)
            await self._walk(self._opening(alignment), searching=False)
        self.tally.end(alignment, reader.damage)
        return alignment

    async def _walk(self, reader: Pairs, searching: bool) -> None:
        loop = asyncio.get_running_loop()
        pairs = reader.pairs()
        interval = SearchInterval(FRAMES, 2 * SECONDS, WINDOW)
        pending: deque[asyncio.Task[list[_Checked]]] = deque()
        last: asyncio.Future[_Before] = loop.create_future()
        last.set_result(_Before(None, asyncio.Event()))
        last.result().searched.set()
        try:
            while part := await loop.run_in_executor(self._reading, _read_steps, pairs, interval):
                following: asyncio.Future[_Before] = loop.create_future()
                work = self._search_steps(part, last, following) if searching else self._check_steps(part)
                pending.append(asyncio.create_task(work))
                last = following
                while len(pending) >= IN_FLIGHT:
                    self._add(await pending.popleft(), searching)
            while pending:
                self._add(await pending.popleft(), searching)
        finally:
            for task in pending:
                task.cancel()
            try:
                await asyncio.gather(*pending, return_exceptions=True)
            finally:
                await asyncio.shield(loop.run_in_executor(self._reading, pairs.close))

    def _add(self, checked: Sequence[_Checked], searching: bool) -> None:
        """Add steps to the tally, in order."""
        for one in checked:
            self.tally.add(one.pair, one.checks)
            if searching:
                self._aligner.push(*one.small)
            self._advance(1, 0 if one.pair.line is None else len(one.pair.line.faces))

    async def _search_steps(
        self, steps: _Steps, before: asyncio.Future[_Before], last: asyncio.Future[_Before]
    ) -> list[_Checked]:
        """Search and compare: the frames of the source are compared with those `before` them, too."""
        prepared = await self._prepared(steps)
        frames = [frame for frame, _ in prepared if frame is not None]
        start = await before
        if frames:
            frames[-1].ends_interval = True  # the last step may have no frame of the source
            own = _Before(frames[-1].without_image(), asyncio.Event())
            last.set_result(own)
            await self._search_frames(start, frames)
            own.set_searched(frames[-1].detections)
        else:
            last.set_result(start)
        for frame in frames:
            self._detections[frame.number] = frame.detections
            if frame.cut:
                self._cuts.add(frame.number)
        done = await self._with_detections([checked for _, checked in prepared])
        await self._search_changed(done)
        return done

    async def _search_changed(self, checked: Sequence[_Checked]) -> None:
        """Search the output's frames in which an area changed: it may show a face that the source has not there."""
        frames = [(one.checks, one.checks.output, one.pair) for one in checked if one.checks is not None]
        changed = [(checks, image, pair) for checks, image, pair in frames if image is not None]
        if not changed:
            return
        found = await self._search.detect([image for _, image, _ in changed])
        rule = confident_score(self._settings.threshold), self.tally.models
        for (checks, _, pair), detections in zip(changed, found, strict=True):
            checks.output = None
            if pair.line is not None:
                check_added(checks, pair.line, pair.source_seconds, detections, *rule)

    async def _search_frames(self, before: _Before, frames: Sequence[AuditedFrame]) -> None:
        if self._journal.restore(self._pair.source, frames):
            return

        async def compared() -> None:
            await asyncio.get_running_loop().run_in_executor(self._threads, compare, before.frame, frames)
            await before.searched.wait()

        await self._search.search(before.frame, frames, compared)
        self._journal.keep(self._pair.source, frames)

    async def _check_steps(self, steps: _Steps) -> list[_Checked]:
        return await self._with_detections([checked for _, checked in await self._prepared(steps)])

    async def _prepared(self, steps: _Steps) -> list[tuple[AuditedFrame | None, _Checked]]:
        loop = asyncio.get_running_loop()
        works = (
            loop.run_in_executor(self._threads, self._prepare, pair, number in steps.ends)
            for number, pair in enumerate(steps.pairs)
        )
        return await asyncio.gather(*works)

    def _prepare(self, pair: FramePair, ends_interval: bool) -> tuple[AuditedFrame | None, _Checked]:
        """Compare a pair of frames, and make the source's ready to be searched."""
        settings, images = self._settings, PairImages.of(pair)
        checks = check_frames(pair, images, settings)
        small = single_frames(pair, images, settings.padding) if checks is None else checks.small
        if checks is not None and checks.changed and pair.output is not None:
            checks.output = pair.output.upright()
        frame = None
        if pair.source is not None and pair.line is not None and images.source is not None:
            seen = images.source, images.source_alpha
            frame = AuditedFrame.of(pair.source, pair.line, *seen, settings.padding, ends_interval)
        return frame, _Checked(pair.without_frames(), checks, small)

    async def _with_detections(self, checked: list[_Checked]) -> list[_Checked]:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._add_detections, checked)
        return checked

    def _add_detections(self, checked: Sequence[_Checked]) -> None:
        for one in checked:
            checks, pair = one.checks, one.pair
            if checks is not None and pair.line is not None:
                removed = pair.removed, self._settings.padding
                detections = self._detections.get(pair.step.source, [])
                check_detections(checks, pair.line, pair.source_seconds, detections, *removed)
                checks.cut = pair.step.source in self._cuts
                checks.planes = []


def _read_steps(pairs: Generator[FramePair], interval: SearchInterval) -> _Steps | None:
    """The next steps, up to the end of an interval."""
    part, ended, pixels = _Steps([], set()), 0, 0
    for pair in pairs:
        part.pairs.append(pair)
        if pair.source is not None:
            if interval.ends_at(pair.source_seconds):
                part.ends.add(len(part.pairs) - 1)
                ended += 1
            pixels += pair.source.area
        if ended == INTERVALS or pixels >= MAX_PIXELS or len(part.pairs) >= 16:
            break
    if part.pairs:
        part.ends.add(len(part.pairs) - 1)
    return part if part.pairs else None
