"""A face that a person draws in one frame is followed by its own pixels through those around it, in both directions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Protocol

from faceblur.base.errors import MediaError, UsageError
from faceblur.base.face_checks import described, fault_of, reaches_into
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.still import Wanted, read_on
from faceblur.tracking.boxes import Box, rounded
from faceblur.tracking.pixel_following import follow_on
from faceblur.tracking.scene_cuts import transition
from faceblur.tracking.thumbnails import Thumbnail, copy_side, thumbnail
from faceblur.web.models import BoxInFrame, EndReason, FollowedBoxes, FollowingEnd

# How far a face is followed each way: a person has to look at what was found.
MAX_SECONDS = 10.0
MAX_FRAMES = 600
# A person says that it is a face, and looks at what was found: it may look less alike than one that the tracker follows
# by itself. In seven real clips 0.4 followed a face up to four times as far as 0.7 (carphone: 109 of 120 frames by one
# box, not 29), and as well; one that went behind something was not followed into that.
MIN_LIKENESS = 0.4
# The copies show a face at least so wide and high, unless they would be longer than MAX_SIDE, in pixels: in clips of
# 1920x1080 faces of 16 to 48 px were lost half way with copies of 480, and none at 16 px of the copy and more.
MIN_FACE, MAX_SIDE = 16, 1920
# What the copies of the frames before may take in memory: 600 of 480x270 take 87 MB. With more, fewer are followed.
MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """A face to follow: its box in a frame, and the first and last frame to follow it to; None: as far as it goes."""

    stream: int
    frame: int
    box: Box
    first: int | None = None
    last: int | None = None


class RecordedFrames(Protocol):
    """What a sidecar says of its video's frames: `times` are in seconds, by stream."""

    times: dict[int, list[float]]

    def in_source(self, path: Path, stream: int, frame: int) -> tuple[Callable[[], VideoReader], Wanted]:
        """Where a frame is in the source."""

    def check_size(self, frame: DecodedFrame) -> None:
        """Check that a frame of the source has the size in whose pixels boxes are. Raises MediaError."""


def follow_face(recorded: RecordedFrames, source: Path, request: FollowRequest) -> FollowedBoxes:
    """Where a face is in the frames before and after. Raises UsageError and MediaError.

    Frames are read once, in their order. Those before are kept as small copies, for they are followed from the last
    one to the first.
    """
    if fault := fault_of(request.box, None):
        raise UsageError(fault)
    number = request.frame
    reach = Reach.of(recorded.times[request.stream], request)
    opening, _ = recorded.in_source(source, request.stream, number)
    wanted = [recorded.in_source(source, request.stream, one)[1] for one in range(reach.first, reach.last + 1)]
    with closing(read_on(opening, wanted)) as frames:
        copies = _copies(recorded, frames, request.box)
        earlier = _last(islice(copies, number - reach.first))
        why_first = reach.why_first if len(earlier) == number - reach.first else "limit"
        seen = next(copies)
        before, why_before = _followed(seen, request.box, reversed(earlier), backwards=True)
        after, why_after = _followed(seen, request.box, copies, backwards=False)
    found = [
        *((number - index, box) for index, box in reversed([*enumerate(before, 1)])),
        *((number + index, box) for index, box in enumerate(after, 1)),
    ]
    return FollowedBoxes(
        boxes=[BoxInFrame(frame=frame, box=rounded(box)) for frame, box in found],
        earlier=FollowingEnd(frame=number - len(before), reason=why_before or why_first),
        later=FollowingEnd(frame=number + len(after), reason=why_after or reach.why_last),
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """From which frame to which a face is followed at most, and why no further."""

    first: int
    last: int
    why_first: EndReason
    why_last: EndReason

    @classmethod
    def of(cls, times: Sequence[float], request: FollowRequest) -> Reach:
        """`times` are those of the stream's frames, in seconds. Raises UsageError."""
        number, end = request.frame, len(times) - 1
        if not (request.first or 0) <= number <= (end if request.last is None else request.last):
            raise UsageError(f"frame {number} is not between the first and the last frame to follow the face to")
        limits = (
            max(number - MAX_FRAMES, bisect_left(times, times[number] - MAX_SECONDS)),
            min(number + MAX_FRAMES, bisect_right(times, times[number] + MAX_SECONDS) - 1),
        )
        firsts: list[tuple[int, EndReason]] = [(0, "end"), (request.first or 0, "asked"), (limits[0], "limit")]
        asked = end if request.last is None else request.last
        lasts: list[tuple[int, EndReason]] = [(end, "end"), (asked, "asked"), (limits[1], "limit")]
        first = max(firsts, key=lambda one: one[0])
        last = min(lasts, key=lambda one: one[0])
        return cls(first[0], last[0], first[1], last[1])


def _last(copies: Iterable[Thumbnail]) -> deque[Thumbnail]:
    """The last ones of some copies, as many as MAX_BYTES hold."""
    kept, size = deque[Thumbnail](), 0
    for one in copies:
        kept.append(one)
        size += one.gray.nbytes + one.hues.nbytes
        while size > MAX_BYTES:
            oldest = kept.popleft()
            size -= oldest.gray.nbytes + oldest.hues.nbytes
    return kept


def _followed(
    seen: Thumbnail, box: Box, copies: Iterable[Thumbnail], *, backwards: bool
) -> tuple[list[Box], EndReason | None]:
    """The boxes in the frames that come next, and why they end; None: these are all frames."""
    why: EndReason | None = "lost"

    def of_scene() -> Iterator[Thumbnail]:
        nonlocal why
        for one, other in pairwise(chain([seen], copies)):
            if transition(other, one)[0] if backwards else transition(one, other)[0]:
                why = "cut"
                return
            yield other
        why = None

    return follow_on(seen, box, of_scene(), MIN_LIKENESS), why


def _copies(recorded: RecordedFrames, frames: Iterable[DecodedFrame], box: Box) -> Iterator[Thumbnail]:
    """Small copies of frames of one size in which there is a box. Raises UsageError and MediaError."""
    size_wh: tuple[int, int] | None = None
    for frame in frames:
        recorded.check_size(frame)
        size_wh = size_wh or frame.upright_wh
        if not reaches_into(box, size_wh):
            raise UsageError(f"{described(box)} lies outside of the frame of {size_wh[0]}x{size_wh[1]}")
        if frame.upright_wh != size_wh:
            raise MediaError(f"frame {frame.number}: the frames change their size: no face can be followed there")
        small = frame.thumbnail(long_side(size_wh, box))
        yield thumbnail(small, size_wh[0] / small.shape[1])


def long_side(size_wh: tuple[int, int], box: Box) -> int:
    """That of the copy of a frame in which a box is followed, unless the frame is smaller."""
    fine = max(size_wh) * MIN_FACE / min(box[2] - box[0], box[3] - box[1])
    return max(copy_side(*size_wh), round(min(MAX_SIDE, fine)))
