"""Times of frames: computed where a container holds none, and rates for encoders that need a fixed one."""

from __future__ import annotations

import heapq
from fractions import Fraction
from typing import Any

from faceblur.media.opening import WITHOUT_TIMES

# The rates that MPEG-1 and MPEG-2 have numbers for.
MPEG_RATES = [Fraction(1000 * n, 1001) for n in (24, 30, 60)] + [Fraction(n) for n in (24, 25, 30, 50, 60)]
DV_RATES = (Fraction(25), Fraction(30000, 1001))
MAX_RATE_DENOMINATOR = 1001
DEFAULT_RATE = 25  # frames per second, where the container names no rate
MAX_HELD = 16  # frames that wait for the first one with a time
MAX_LAG = 10  # ticks that a frame may be put later, or the length of a frame


class FrameTimer:
    """Gives the frames of a stream their times where the container holds none, or one for several of them.

    `last` is the pts of the last frame. `moved` counts the frames that were put later because they had the time of the
    one before: a tick may be coarse; `guessed` those that had no time, and got one by the rate. `is_by_rate`: the
    container holds no times at all, so that frames get those of the rate in the order of display.
    """

    def __init__(self, container: str, rate: Fraction, time_base: Fraction) -> None:
        # AVI and ASF hold times in the order of coding: the frames, in the order of display, get them in order.
        self._packet_times: list[int] | None = [] if container in ("avi", "asf") else None
        self._is_avi = container == "avi"
        self.is_by_rate = container in WITHOUT_TIMES
        self._ticks, self._time_base = 1 / rate / time_base, time_base  # of one frame
        self._step = max(1, round(self._ticks))
        self.last: int | None = None
        self.moved = self.guessed = self._made = 0
        self._held: list[Any] = []
        self._last_own: int | None = None  # time of the last frame, as the file has it

    def add_packet(self, packet: Any) -> None:
        """Record the time of a packet before it is decoded."""
        time = packet.dts if self._is_avi else packet.pts
        if self._packet_times is not None and packet.size and time is not None:
            heapq.heappush(self._packet_times, time)

    def ready(self, frame: Any) -> list[Any]:
        """The frames that are ready with the next one: those at the beginning wait for the first that has a time."""
        self._set_time(frame)
        if frame.pts is None and self.last is None and len(self._held) < MAX_HELD:
            self._held.append(frame)
            return []
        return [*self.rest(frame.pts), frame]

    def rest(self, end: int | None = None) -> list[Any]:
        """The frames that still wait; the first frame with a time has `end`, None: there is none."""
        held, self._held = self._held, []
        begin = 0 if end is None else end - len(held) * self._step
        for number, frame in enumerate(held):
            frame.pts, frame.time_base = begin + number * self._step, self._time_base
        self.guessed += len(held)
        return held

    def _set_time(self, frame: Any) -> None:
        """Give a decoded frame its packet's time, in AVI and ASF, or one tick more than the last frame has."""
        if self.is_by_rate:
            # FFmpeg gives no times to streams with reordered frames, and wrong ones to Dirac's.
            frame.pts, frame.time_base = round(self._made * self._ticks), self._time_base
            self._made += 1
            return
        if self._packet_times:
            frame.pts = heapq.heappop(self._packet_times)
        before, self._last_own = self._last_own, frame.pts
        if frame.pts is None or self.last is None:
            return
        if (before is None or before <= frame.pts) and frame.pts <= self.last < frame.pts + max(MAX_LAG, self._step):
            frame.pts = self.last + 1
            self.moved += 1

    def put_after_the_last(self, frame: Any) -> bool:
        """Give a frame that is ready a time after the last one's; whether it had one that goes back."""
        is_missing = frame.pts is None
        goes_back = not is_missing and self.last is not None and frame.pts <= self.last
        if is_missing or goes_back:
            # One frame's length after the last one.
            frame.pts, frame.time_base = 0 if self.last is None else self.last + self._step, self._time_base
        self.guessed += is_missing
        self.last = frame.pts
        return goes_back


def frame_rate(stream: Any) -> Fraction:
    """A video stream's frames per second, as its container names or FFmpeg guesses them."""
    rates = [stream.average_rate, stream.guessed_rate]
    if stream.container.format.name in WITHOUT_TIMES:
        # The average is 25, whatever the stream says, and the guess for slow ones is twice theirs.
        rates = [stream.codec_context.framerate, stream.guessed_rate]
    return Fraction(rates[0] or rates[1] or DEFAULT_RATE)


def fixed_rate(rate: Fraction, encoder: str) -> Fraction:
    """The rate that an encoder for fixed rates is opened with; the frames' own times are kept beside it."""
    if encoder in ("mpeg1video", "mpeg2video"):
        return min(MPEG_RATES, key=lambda one: abs(one - rate))
    if encoder == "dvvideo":
        return min(DV_RATES, key=lambda one: abs(one - rate))
    return rate.limit_denominator(MAX_RATE_DENOMINATOR)
