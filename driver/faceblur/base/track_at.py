"""A track and when, as they are written on the command line: `7`, or `7@12.4-13.1`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from faceblur.base.errors import UsageError
from faceblur.base.regions import closed_up, shortest

_NUMBER = r"-?\d{1,9}(?:\.\d{1,9})?"
_FORM = re.compile(rf"(-?\d{{1,18}})(?:@({_NUMBER})-({_NUMBER}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TrackAt:
    """A track from `start` to `end`, both included: in seconds, as a player counts them. None: all of the track."""

    track: int
    start: float | None = None
    end: float | None = None

    @classmethod
    def parse(cls, text: str) -> TrackAt:
        """Raises UsageError."""
        match = _FORM.fullmatch(closed_up(text))
        if match is None:
            raise UsageError(f"{text!r:.80} is not of the form N or N@START-END, a track's number and seconds")
        track, start, end = match.groups()
        if start is None:
            return cls(int(track))
        if float(start) > float(end):
            raise UsageError(f"{text!r:.80}: it would end at {float(end):g} s, before it begins")
        return cls(int(track), float(start), float(end))

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        if self.start is None or self.end is None:
            return str(self.track)
        return f"{self.track}@{shortest(self.start)}-{shortest(self.end)}"
