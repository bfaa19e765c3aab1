"""Which frames the function searches, and what it finds: a batch of frames in, the same frames with sure faces covered.

Frames are searched at intervals of a few frames. Where the faces at both ends of an interval are the same ones, hardly
moved, its inner frames need no search: the tracker covers them from both sides. Any other interval, and one with a
cut in it, is searched in its middle too, and so on in both halves. What is searched depends on the video alone, not on
the batches in which it travels.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from faceblur.detection.reply_checks import Answer
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.cover import Searched, cover, encode_upright
from faceblur.redaction.plan import Plan
from faceblur.tracking.boxes import Box, match
from faceblur.tracking.scenes import Thumbnail, frame_thumbnail, is_change
from faceblur.tracking.tracker import WEAK_HEIGHT
from faceblur_function import wire

# Every 6th frame at most, and no longer apart than this: half of the time over which a lost face stays covered.
AUTOMATIC_EVERY = 6
AUTOMATIC_SECONDS = 0.2
# A face that moves by more than this share of its size between two searches may have moved in any way between them.
MAX_SHIFT = 0.25


class Pace:
    """Says of each frame, in order, whether it ends an interval: it is searched in any case.

    `every` None chooses the interval. It is never longer than half of `look_around`, over which gaps can be covered.
    """

    def __init__(self, every: int | None, look_around: float) -> None:
        self._every = AUTOMATIC_EVERY if every is None else every
        self._seconds = min(AUTOMATIC_SECONDS if every is None else math.inf, look_around / 2)
        self._since, self._last, self._before = self._every, 0.0, 0.0

    def ends_interval(self, frame: DecodedFrame) -> bool:
        now = frame.seconds
        following, self._before = now + (now - self._before), now
        self._since += 1
        # Matroska rounds times to milliseconds: 6 frames of a thirtieth may take 0.201 seconds.
        if self._since < self._every and following - self._last < self._seconds + 0.002:
            return False
        self._since, self._last = 0, now
        return True


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a frame that was searched; `image` is what the function made of it."""

    faces: list[wire.Face]
    image: bytes | None


NOTHING = Seen([], None)


@dataclass(frozen=True, slots=True)
class End:
    """The last frame of a batch, with which the first interval of the next one begins."""

    faces: list[wire.Face]
    thumbnail: Thumbnail


class Search:
    """Searches a video's pictures through the function, and covers the sure faces.

    `pix_fmts` are the pixel formats to write, by stream; `coded` has the codec threads do a stage's work on frames;
    `sent` is the function's answer to some images. Both it and all methods raise FunctionError.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        pix_fmts: dict[int, str],
        source: Path,
        coded: Callable[..., Awaitable[list[Any]]],
        sent: Callable[[Sequence[bytes]], Awaitable[Answer]],
    ) -> None:
        self._plan, self._pix_fmts, self._source, self._coded, self._sent = plan, pix_fmts, source, coded, sent

    async def every(self, pictures: Sequence[DecodedFrame]) -> list[Searched]:
        """Search all of some pictures."""
        thumbnails = await self._thumbnails(pictures)
        return await self._cover(pictures, thumbnails, dict(enumerate(await self._ask(pictures))))

    async def batch(
        self,
        pictures: Sequence[DecodedFrame],
        ends: Sequence[int],
        main: int,
        before: asyncio.Future[End] | None,
        end: asyncio.Future[End],
    ) -> list[Searched]:
        """Search a batch: of the stream `main` the frames that end an interval (`ends`), and within doubtful ones.

        The last frame of `main` ends an interval. `before` will hold the end of the batch before; `end` is given this
        one's. Frames of other streams are all searched.
        """
        thumbnails = await self._thumbnails(pictures)
        own = [index for index, picture in enumerate(pictures) if picture.stream == main]
        first = [index for index, picture in enumerate(pictures) if picture.stream != main or index in set(ends)]
        seen = dict(zip(first, await self._ask([pictures[index] for index in first]), strict=True))
        if ends:
            end.set_result(End(seen[ends[-1]].faces, thumbnails[ends[-1]]))
            start = await before if before is not None and own[0] != ends[0] else None
            while doubtful := list(self._doubtful(own, seen, thumbnails, start)):
                seen |= zip(doubtful, await self._ask([pictures[index] for index in doubtful]), strict=True)
        return await self._cover(pictures, thumbnails, seen)

    def _doubtful(
        self, own: Sequence[int], seen: Mapping[int, Seen], thumbnails: Sequence[Thumbnail], start: End | None
    ) -> Iterator[int]:
        """The middle frames of intervals whose ends do not tell what is between them: each ends two shorter ones."""
        faces = start.faces if start is not None else []
        thumbnail = start.thumbnail if start is not None else None
        inner: list[int] = []
        cut = False
        for index in own:
            cut = cut or (thumbnail is not None and is_change(thumbnail, thumbnails[index]))
            thumbnail = thumbnails[index]
            if index not in seen:
                inner.append(index)
                continue
            if inner and (cut or not agree(faces, seen[index].faces, self._plan.options.threshold)):
                yield inner[len(inner) // 2]
            inner, cut, faces = [], False, seen[index].faces

    async def _thumbnails(self, pictures: Sequence[DecodedFrame]) -> list[Thumbnail]:
        return await self._coded("compare", [partial(frame_thumbnail, frame) for frame in pictures], pictures)

    async def _ask(self, pictures: Sequence[DecodedFrame]) -> list[Seen]:
        """Have the function search pictures, in requests of at most a batch."""
        size = self._plan.batch_size
        parts = [pictures[index : index + size] for index in range(0, len(pictures), size)]
        return [one for part in await asyncio.gather(*map(self._request, parts)) for one in part]

    async def _request(self, pictures: Sequence[DecodedFrame]) -> list[Seen]:
        images = await self._coded("JPEG", [partial(encode_upright, frame) for frame in pictures], pictures)
        answer = await self._sent(images)
        redacted: Sequence[bytes | None] = [None] * len(images) if answer.frames is None else answer.frames
        return [Seen(faces, image) for faces, image in zip(answer.faces, redacted, strict=True)]

    async def _cover(
        self, pictures: Sequence[DecodedFrame], thumbnails: Sequence[Thumbnail], seen: Mapping[int, Seen]
    ) -> list[Searched]:
        works = []
        for index, (picture, thumbnail) in enumerate(zip(pictures, thumbnails, strict=True)):
            one, pix_fmt = seen.get(index, NOTHING), self._pix_fmts[picture.stream]
            arguments = (picture, thumbnail, one.faces, one.image, pix_fmt)
            works.append(partial(cover, *arguments, options=self._plan.options, source=self._source))
        return await self._coded("cover", works, pictures)


def agree(before: Sequence[wire.Face], after: Sequence[wire.Face], threshold: float) -> bool:
    """Whether every face of either frame is in the other one too, at about the same place.

    A sure one may be unsure there. A small unsure one has to be sure there: else only finds that follow each other
    tell whether it is a face (`faceblur.tracking.tracker`), and they must not become fewer.
    """
    return _all_in(before, after, threshold) and _all_in(after, before, threshold)


def _all_in(faces: Sequence[wire.Face], others: Sequence[wire.Face], threshold: float) -> bool:
    sure = [face.box for face in faces if face.score >= threshold]
    small = [face.box for face in faces if face.score < threshold and face.box[3] - face.box[1] <= WEAK_HEIGHT]
    sure_others = [face.box for face in others if face.score >= threshold]
    return _matched(sure, [face.box for face in others]) and _matched(small, sure_others)


def _matched(boxes: Sequence[Box], candidates: Sequence[Box]) -> bool:
    pairs = match(boxes, candidates)
    return len(pairs) == len(boxes) and all(_shift(boxes[a], candidates[b]) <= MAX_SHIFT for a, b in pairs)


def _shift(one: Box, other: Box) -> float:
    """How far a box's centre lies from another's, as a share of its size."""
    x, y = ((other[0] + other[2] - one[0] - one[2]) / 2, (other[1] + other[3] - one[1] - one[3]) / 2)
    return math.hypot(x, y) / max(1e-6, math.sqrt((one[2] - one[0]) * (one[3] - one[1])))
