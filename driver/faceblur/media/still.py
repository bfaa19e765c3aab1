"""One frame of a video: by a search to its time where the file can be searched, else by reading up to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from faceblur.base.errors import MediaError
from faceblur.media.frames import DecodedFrame
from faceblur.media.opening import WITHOUT_TIMES
from faceblur.media.pyav import READ_ERRORS, decoder_of
from faceblur.media.reader import VideoReader

# Formats in which the times of a decoded frame may not be its own, until the reader has put them right.
UNSEARCHABLE = WITHOUT_TIMES | {"avi", "asf"}
# Seconds by which a search begins earlier: frames just before a key frame may need it, and those before it.
EARLIER = 1
# Frames before and after the one that is asked for which are given too: the next ones that a viewer steps to.
AROUND = 8


class Wanted(NamedTuple):
    """A frame: the index of its stream, its number, and its time in seconds, true to `tolerance`."""

    stream: int
    number: int
    seconds: float
    tolerance: float


def read_stills(opening: Callable[[], VideoReader], wanted: Wanted) -> dict[int, DecodedFrame]:
    """The frame that is wanted and some around it, by their numbers. Raises MediaError.

    `opening` opens the video. What is found by a search is numbered from the frame that is wanted.
    """
    with opening() as reader:
        container: Any = reader.container
        searchable = reader.span is None and not reader.canvases and not UNSEARCHABLE & set(reader.formats)
        if searchable and (found := _searched(container, wanted)):
            return found
    with opening() as reader:
        frames = (one for one in reader if isinstance(one, DecodedFrame) and one.stream == wanted.stream)
        read = _around(frames, lambda frame: frame.number == wanted.number)
        if not read:
            raise MediaError(f"{reader.path}: stream {wanted.stream} has no frame {wanted.number}")
        return {one.number: one for one in read}


def _searched(container: Any, wanted: Wanted) -> dict[int, DecodedFrame]:
    """What a search finds; nothing where no frame has the time."""
    stream = container.streams[wanted.stream]
    try:
        container.seek(round((wanted.seconds - EARLIER) / stream.time_base), stream=stream)
        found = _around(_decoded(container, stream), lambda one: abs(one.seconds - wanted.seconds) <= wanted.tolerance)
    except READ_ERRORS:
        return {}
    index = next((index for index, one in enumerate(found) if abs(one.seconds - wanted.seconds) <= wanted.tolerance), 0)
    for position, one in enumerate(found):
        one.number = wanted.number + position - index
    return {one.number: one for one in found}


def _decoded(container: Any, stream: Any) -> Iterator[DecodedFrame]:
    decoder = decoder_of(stream)
    for packet in container.demux(stream):
        for pixels in decoder.decode(packet):
            if pixels.pts is not None:
                pixels.time_base = pixels.time_base or Fraction(stream.time_base)
                yield DecodedFrame(stream.index, 0, pixels)


def _around(frames: Iterator[DecodedFrame], is_wanted: Callable[[DecodedFrame], bool]) -> list[DecodedFrame]:
    """The frame that is wanted, and some before and after it; nothing where there is none."""
    before: deque[DecodedFrame] = deque(maxlen=AROUND + 1)
    for frame in frames:
        before.append(frame)
        if is_wanted(frame):
            return [*before, *(after for after, _ in zip(frames, range(AROUND), strict=False))]
    return []
