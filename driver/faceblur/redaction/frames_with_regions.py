"""The frames of a video with what people chose for each: the regions that count, and whether it is searched."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from faceblur.base.errors import MediaError
from faceblur.base.face_checks import reaches_into
from faceblur.base.options import Options
from faceblur.base.regions import TimedRegion, parse_regions
from faceblur.media.reader import VideoReader
from faceblur.redaction.video_frame import VideoFrame, video_frames


def frames_with_regions(reader: VideoReader, options: Options) -> Iterator[Any]:
    """The frames of a video and the packets of its other streams, as `video_frames` gives them, with their regions.

    Raises MediaError at the end of a video that is kept with its rest, if no frame of its main stream is in the span.
    """
    items = video_frames(reader)
    if not options.cover and not options.spare and not options.keep_rest:
        return items
    return _Regions(reader, options).set_all(items)


class _Regions:
    """Sets the regions of a video's frames, and whether they are in the rest that is kept without a search.

    A region is covered in each frame that is shown at any of its times, and a face is spared in those that are shown
    at no other, whether the player counts from the first frame or from a sound that begins a little earlier. So a frame
    of the main stream waits for the next one: only then is it known how long it is shown. In
    other video streams a region that has times is covered at all times, and spares nothing, and only what comes after
    a span counts as the rest.
    """

    def __init__(self, reader: VideoReader, options: Options) -> None:
        self._reader, self._main = reader, reader.main_stream.index
        self._cover, self._spare = parse_regions(options.cover), parse_regions(options.spare)
        self._searched = options.span if options.keep_rest else None
        self._is_all_rest = self._searched is not None

    def set_all(self, items: Iterable[Any]) -> Iterator[Any]:
        last: VideoFrame | None = None
        held: deque[Any] = deque()  # the last frame of the main stream, and what came after it
        for item in items:
            if isinstance(item, VideoFrame) and item.stream == self._main:
                if last is not None:
                    self._set(last, item.seconds)
                    yield from held
                    held.clear()
                last = item
            elif isinstance(item, VideoFrame):
                self._set_untimed(item)
            held.append(item)
        if last is not None:
            end = self._reader.frames_end
            self._set(last, end if end is not None and end > last.seconds else math.inf)
            if self._is_all_rest:
                raise MediaError(f"{self._reader.path}: its video stream holds no frame from {self._searched}")
        yield from held

    def _set(self, frame: VideoFrame, until: float) -> None:
        start = self._reader.origin
        shown = frame.seconds - start, until - start + self._reader.priming
        frame.cover = _inside(frame, [one for one in self._cover if one.is_shown_in(*shown)])
        frame.spare = [one for one in self._spare if one.is_all_of(*shown)]
        frame.in_rest = self._searched is not None and not self._searched.shows(*shown)
        self._is_all_rest &= frame.in_rest

    def _set_untimed(self, frame: VideoFrame) -> None:
        frame.cover = _inside(frame, self._cover)
        frame.spare = [one for one in self._spare if one.span is None]
        since = frame.seconds - self._reader.origin
        frame.in_rest = self._searched is not None and not self._searched.shows(since, math.inf)


def _inside(frame: VideoFrame, regions: Sequence[TimedRegion]) -> list[TimedRegion]:
    return [one for one in regions if reaches_into(one.box, frame.upright_wh)]
