"""Single frames of a video: by a search to their time where the file can be searched, else by reading up to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from fractions import Fraction
from itertools import dropwhile
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
        if _is_searchable(reader) and (found := _searched(reader.container, wanted)):
            return found
    with opening() as reader:
        frames = (one for one in reader if isinstance(one, DecodedFrame) and one.stream == wanted.stream)
        read = _around(frames, lambda frame: frame.number == wanted.number)
        if not read:
            raise MediaError(f"{reader.path}: stream {wanted.stream} has no frame {wanted.number}")
        return {one.number: one for one in read}


def read_on(opening: Callable[[], VideoReader], wanted: Sequence[Wanted]) -> Generator[DecodedFrame]:
    """Frames of one stream that follow each other, in their order. Raises MediaError, also where one is missing.

    To be closed by who takes fewer. Where a search does not give the very frames, the file is read from its beginning.
    """
    given = 0
    with opening() as reader:
        if _is_searchable(reader):
            for one, frame in zip(wanted, _searched_on(reader.container, wanted[0]), strict=False):
                if not _is_of(frame, one):
                    break
                frame.number = one.number
                given += 1
                yield frame
    if given == len(wanted):
        return
    with opening() as reader:
        for item in reader:
            if isinstance(item, DecodedFrame) and (item.stream, item.number) == wanted[given][:2]:
                given += 1
                yield item
                if given == len(wanted):
                    return
        raise MediaError(f"{reader.path}: stream {wanted[given].stream} has no frame {wanted[given].number}")


def _is_searchable(reader: VideoReader) -> bool:
    return reader.span is None and not reader.canvases and not UNSEARCHABLE & set(reader.formats)


def _is_of(frame: DecodedFrame, wanted: Wanted) -> bool:
    return abs(frame.seconds - wanted.seconds) <= wanted.tolerance


def _searched(container: Any, wanted: Wanted) -> dict[int, DecodedFrame]:
    """What a search finds; nothing where no frame has the time."""
    try:
        found = _around(_decoded_near(container, wanted), lambda one: _is_of(one, wanted))
    except READ_ERRORS:
        return {}
    index = next((index for index, one in enumerate(found) if _is_of(one, wanted)), 0)
    for position, one in enumerate(found):
        one.number = wanted.number + position - index
    return {one.number: one for one in found}


def _searched_on(container: Any, first: Wanted) -> Iterator[DecodedFrame]:
    """The frame of a time and all after it, as far as they can be read."""
    try:
        yield from dropwhile(lambda one: one.seconds < first.seconds - first.tolerance, _decoded_near(container, first))
    except READ_ERRORS:
        return


def _decoded_near(container: Any, wanted: Wanted) -> Iterator[DecodedFrame]:
    """Frames from before the time on. Raises READ_ERRORS."""
    stream = container.streams[wanted.stream]
    container.seek(round((wanted.seconds - EARLIER) / stream.time_base), stream=stream)
    yield from _decoded(container, stream)


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
