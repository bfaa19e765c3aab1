"""A span of a video as a video of its own: what lies outside is left out, and all times count from the span's start.

Frames, packets and chapters are moved by one time, each in the unit of its stream, so that they stay in step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from faceblur.base.time_span import TimeSpan
from faceblur.media.frames import DecodedFrame

# How far beyond the end streams are read: so far apart they may lie in a file.
MARGIN_SECONDS = 10


class SpanCut:
    """Cuts the items of a reader to a span, which is in the times of the file.

    The frame that is shown at the start is the first one, at time 0. Audio is cut between packets: each that lies
    completely in the span is kept. Subtitles are cut to the span.
    """

    def __init__(self, span: TimeSpan, streams: Sequence[Any], videos: Sequence[int]) -> None:
        self._span, self._videos = span, videos
        self._timed = {one.index for one in streams if one.index in videos or one.type == "audio"}
        self._held: dict[int, DecodedFrame] = {}  # the last frame of each stream before the start
        self._numbers: Counter[int] = Counter()
        self._reached: dict[int, float] = {}  # how far each stream was read, in seconds
        self._after = set[int]()  # the video streams of which a frame after the end was decoded

    def ticks(self, time_base: Fraction) -> tuple[int, int | None]:
        """Start and end in units of a time base."""
        start, end = self._span
        return round(start / time_base), None if end is None else round(end / time_base)

    def is_over(self, packet: Any) -> bool:
        """Whether all audio and video was read beyond the end, and decoded; `packet` is the next one."""
        if packet.pts is not None and packet.time_base:
            self._reached[packet.stream.index] = float(packet.pts * packet.time_base)
        end = self._span.end
        if end is None or not self._after.issuperset(self._videos):
            return False
        return all(self._reached.get(index, 0.0) > end + MARGIN_SECONDS for index in self._timed)

    def take(self, item: DecodedFrame | Any) -> Iterator[Any]:
        """What is kept with the next item."""
        if isinstance(item, DecodedFrame):
            yield from self._take_frame(item)
        elif self._moves_packet(item):
            yield item

    def rest(self) -> Iterator[DecodedFrame]:
        """The frames that are still shown in the span when the video ends."""
        for index in self._videos:
            if (held := self._held.pop(index, None)) is not None:
                start, _ = self.ticks(held.time_base)
                if not held.pixels.duration or held.pts + held.pixels.duration > start:
                    yield self._moved(held)

    def _take_frame(self, frame: DecodedFrame) -> Iterator[DecodedFrame]:
        start, end = self.ticks(frame.time_base)
        if frame.pts < start:
            self._held[frame.stream] = frame
            return
        held = self._held.pop(frame.stream, None)
        if held is not None and frame.pts > start:
            yield self._moved(held)
        if end is None or frame.pts < end:
            yield self._moved(frame)
        else:
            self._after.add(frame.stream)

    def _moved(self, frame: DecodedFrame) -> DecodedFrame:
        start, end = self.ticks(frame.time_base)
        pixels, pts = frame.pixels, max(frame.pts, start)
        if pixels.duration:
            last = frame.pts + pixels.duration
            pixels.duration = max(1, (last if end is None else min(last, end)) - pts)
        pixels.pts = pts - start
        frame.number = self._numbers[frame.stream]
        self._numbers[frame.stream] += 1
        return frame

    def _moves_packet(self, packet: Any) -> bool:
        """Move a packet; whether it is kept."""
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            return False
        start, end = self.ticks(packet.time_base)
        last = time + (packet.duration or 0)
        if packet.stream.type == "subtitle" and packet.duration:
            first, last = max(time, start), last if end is None else min(last, end)
            if first >= last:
                return False
            packet.pts = packet.dts = first - start
            packet.duration = last - first
            return True
        if time < start or (end is not None and (last > end or time >= end)):
            return False
        packet.pts = None if packet.pts is None else packet.pts - start
        packet.dts = None if packet.dts is None else packet.dts - start
        return True
