"""A span of a video in seconds."""

from __future__ import annotations

from typing import NamedTuple


class TimeSpan(NamedTuple):
    """A span in seconds from a video's beginning, as a player counts them; `end` None: up to the video's end."""

    start: float
    end: float | None

    @classmethod
    def of(cls, start: float | None, end: float | None) -> TimeSpan | None:
        """The span from `start` to `end`, None: where the video begins and ends. None: all of the video."""
        return None if start is None and end is None else cls(start or 0.0, end)

    def moved(self, origin: float) -> TimeSpan:
        """The span in the times of a file whose player begins at `origin` seconds."""
        return TimeSpan(self.start + origin, None if self.end is None else self.end + origin)

    def length_of(self, duration: float) -> float:
        """How many seconds of a video of this length are in it."""
        return max(0.0, min(duration, duration if self.end is None else self.end) - self.start)

    def shows(self, since: float, until: float) -> bool:
        """Whether a frame that is shown from `since` to `until` is shown in it."""
        return until > self.start and (self.end is None or since < self.end)

    def __str__(self) -> str:
        return f"{self.start:g} s to {'the end' if self.end is None else f'{self.end:g} s'}"
