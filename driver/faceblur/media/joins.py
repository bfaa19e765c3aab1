"""Joined recordings: where the clock of a file jumps, what follows is shifted to follow on, all streams alike.

Pieces that were put together, a DVD's cells, and receivers that lost their signal make the times of packets jump. Each
clock is a section with one shift, as in FFmpeg's own command line (-dts_delta_threshold). Near a jump the packets of
both sections are mixed, so a window of packets is read ahead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from faceblur.base.counted import counted

# FFmpeg's formats whose clock may jump: AVFMT_TS_DISCONT, and FLV, whose recorders start anew in one file.
JUMPING = {"mpegts", "mpeg", "flv", "asf", "wtv"}
BACK_SECONDS, AHEAD_SECONDS = 0.1, 10.0  # a jump is longer than this; FFmpeg has the same two
WINDOW_PACKETS, WINDOW_BYTES = 256, 32 << 20
# Packets of a stream just before a jump that may be marked as damaged: the count of a TS's packets jumps too.
MARKED_PACKETS = 8
TIMED = ("audio", "video")
KEPT_SECTIONS = 4  # that the next packets may belong to


@dataclass(slots=True, eq=False)
class Section:
    """What has one clock, after the section `before`. All times are in seconds, as the packets have them.

    `shift` is None until it is known. `packets` counts those of audio and video: a single one is no section, but has a
    damaged time.
    """

    first: float
    last: float
    before: Section | None = None
    shift: Fraction | None = None
    begin: Fraction | None = None
    end: Fraction = Fraction(0)
    packets: int = 0
    by_stream: dict[int, float] = field(default_factory=dict)

    def holds(self, packet: Any, time: float) -> bool:
        """Whether a packet may belong to it: not before the one before it in its stream, and not far ahead of all."""
        before = self.by_stream.get(packet.stream.index)  # of audio and video only
        earliest = self.first - AHEAD_SECONDS if before is None else before - BACK_SECONDS
        return earliest <= time <= self.last + AHEAD_SECONDS

    def distance(self, packet: Any, time: float) -> float:
        """How far a packet is from the one before it in its stream, in seconds."""
        return abs(time - self.by_stream.get(packet.stream.index, self.last))

    def add(self, packet: Any, time: float) -> None:
        if packet.stream.type not in TIMED:
            return
        self.packets += 1
        self.first, self.last = min(self.first, time), max(self.last, time)
        self.by_stream[packet.stream.index] = time
        if packet.pts is not None:
            begin = packet.pts * packet.time_base
            self.begin = begin if self.begin is None else min(self.begin, begin)
            self.end = max(self.end, begin + (packet.duration or 0) * packet.time_base)


class Joins:
    """Gives the packets of a file one clock. `formats` are FFmpeg's names of its container."""

    def __init__(self, formats: Sequence[str]) -> None:
        self._jumps: list[tuple[Fraction, Fraction, Fraction]] = []  # from, to, and when it is in the output
        self._may_jump = bool(JUMPING & set(formats))
        self._sections: list[Section] = []  # the last ones
        self._by_stream: dict[int, Section] = {}
        self._window: deque[tuple[Any, Section]] = deque()
        self._bytes = 0

    @property
    def notes(self) -> list[str]:
        """Where the clock jumped, as a line of the report; none where it did not."""
        if not self._jumps:
            return []
        (old, new, _), more = self._jumps[0], len(self._jumps) - 1
        line = f"the clock jumps from {float(old):.3f} s to {float(new):.3f} s"
        line += f", and {counted(more, 'more time')} until {float(self._jumps[-1][2]):.3f} s" if more else ""
        return [f"{line}: what follows is shifted to follow on, all streams alike"]

    def joined(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The packets with their new times; empty ones, which end the streams, come after all others."""
        if not self._may_jump:
            yield from packets
            return
        for packet in packets:
            if not packet.size and packet.dts is None:
                yield from self._first_packets(0, 0)
                yield packet
                continue
            self._window.append((packet, self._section_of(packet)))
            self._bytes += packet.size
            yield from self._first_packets(WINDOW_PACKETS, WINDOW_BYTES)
        yield from self._first_packets(0, 0)

    def _section_of(self, packet: Any) -> Section:
        """The section of the next packet; a new one where its time fits none."""
        time = None if packet.dts is None else float(packet.dts * packet.time_base)
        if not self._sections:
            self._sections.append(Section(time or 0.0, time or 0.0, shift=Fraction(0)))
        current = self._by_stream.get(packet.stream.index, self._sections[-1])
        if time is None:
            return current
        found = self._find(packet, time, current)
        if found is None and packet.stream.type in TIMED:
            found = Section(time, time, before=self._sections[-1])
            self._sections = [*self._sections[1 - KEPT_SECTIONS :], found]
        section = found or current
        self._by_stream[packet.stream.index] = section
        section.add(packet, time)
        return section

    def _find(self, packet: Any, time: float, current: Section) -> Section | None:
        """The section of a packet whose stream is in `current`: this one, or a later one. None: it fits none."""
        if current.packets == 1:
            # Its only packet may have a damaged time, which led here: the nearest of all.
            fitting = [one for one in self._sections if one.holds(packet, time)]
            return min(fitting, key=lambda one: one.distance(packet, time), default=None)
        at = self._sections.index(current) if current in self._sections else 0
        return next((one for one in (current, *self._sections[at:]) if one.holds(packet, time)), None)

    def _first_packets(self, packets: int, size: int) -> Iterator[Any]:
        """Packets that leave the window, until it holds at most so many."""
        while len(self._window) > packets or (self._window and self._bytes > size):
            packet, section = self._window.popleft()
            self._bytes -= packet.size
            shift = self._shift_of(section)
            if packet.is_corrupt and self._is_before_a_jump(packet, section):
                packet.is_corrupt = False
            if shift:
                ticks = round(shift / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks
            yield packet

    def _shift_of(self, section: Section) -> Fraction:
        """What is added to the times of a section: it begins where the one before ends."""
        if section.shift is not None:
            return section.shift
        before = section.before
        assert before is not None
        section.shift, section.before = self._shift_of(before), None
        if section.packets == 1 or section.begin is None:
            section.end = before.end
            return section.shift
        self._jumps.append((before.end, section.begin, before.end + section.shift))
        section.shift += before.end - section.begin
        return section.shift

    def _is_before_a_jump(self, packet: Any, section: Section) -> bool:
        """Whether a section follows within a few packets of the same stream."""
        same = [other for one, other in self._window if one.stream.index == packet.stream.index]
        return any(other is not section and other.packets > 1 for other in same[:MARKED_PACKETS])
