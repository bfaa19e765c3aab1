"""A box and when it is there, as it is written on the command line: `x1,y1,x2,y2@12.4-13.1`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from faceblur.base.errors import UsageError
from faceblur.base.face_checks import fault_of
from faceblur.base.regions import closed_up, shortest

_NUMBER = r"-?\d{1,9}(?:\.\d{1,9})?"  # all of them are finite
_FORM = re.compile(rf"({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})@({_NUMBER})-({_NUMBER})", re.ASCII)


@dataclass(frozen=True, slots=True)
class BoxAt:
    """A box x1, y1, x2, y2 in pixels, from `start` to `end`, both included: in seconds, as a player counts them."""

    box: tuple[float, float, float, float]
    start: float
    end: float

    @classmethod
    def parse(cls, text: str) -> BoxAt:
        """Raises UsageError."""
        match = _FORM.fullmatch(closed_up(text))
        if match is None:
            raise UsageError(f"{text!r:.80} is not of the form x1,y1,x2,y2@START-END, in pixels and seconds")
        x1, y1, x2, y2, start, end = map(float, match.groups())
        if fault := fault_of((x1, y1, x2, y2), None):
            raise UsageError(f"{text!r:.80}: {fault}")
        if start > end:
            raise UsageError(f"{text!r:.80}: it would end at {end:g} s, before it begins")
        return cls((x1, y1, x2, y2), start, end)

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        return f"{','.join(map(shortest, self.box))}@{shortest(self.start)}-{shortest(self.end)}"
