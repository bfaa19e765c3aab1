"""The log of one video's damage: damage ends the reading, or is recorded where it is tolerated."""

from __future__ import annotations

from pathlib import Path

from faceblur.base.errors import MediaError


class DamageLog:
    """What could not be read of a video. `seconds` is the time that reading has reached."""

    def __init__(self, path: Path, *, tolerate: bool) -> None:
        self.seconds = 0.0
        self._path, self._tolerate = path, tolerate
        # By kind of damage: the text of the first one, the time of the last one, and how many there were.
        self._kinds: dict[str, tuple[str, float, int]] = {}
        self._not_taken = ""

    def record(self, what: str, why: str = "", seconds: float | None = None) -> None:
        """Record damage at a time, None: where reading has got to. Raises MediaError unless damage is tolerated."""
        seconds = self.seconds if seconds is None else seconds
        text = f"{what} at {seconds:.3f} s" + (f": {why}" if why else "")
        if not self._tolerate:
            raise MediaError(f"{self._path}: {text}; --tolerate-damage writes what can be read")
        self._not_taken = self._not_taken or text
        first, _, count = self._kinds.get(what, (text, 0.0, 0))
        self._kinds[what] = (first, seconds, count + 1)

    def take_first(self) -> str | None:
        """The first damage that was recorded since the last call, None: there was none."""
        text, self._not_taken = self._not_taken or None, ""
        return text

    def summary(self) -> list[str]:
        """What was recorded so far, each kind of damage once."""
        return [
            first if count == 1 else f"{first}, and {count - 1} times more until {seconds:.3f} s"
            for first, seconds, count in self._kinds.values()
        ]
