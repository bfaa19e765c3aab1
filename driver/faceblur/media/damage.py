"""Damage of one video: it ends the reading, or is noted where that is wanted."""

from __future__ import annotations

from pathlib import Path

from faceblur.base.errors import MediaError


class Damage:
    """What could not be read of a video. `seconds` is where its reading has come to."""

    def __init__(self, path: Path, *, tolerate: bool) -> None:
        self.seconds = 0.0
        self._path, self._tolerate = path, tolerate
        self._places: dict[str, tuple[str, float, int]] = {}
        self._untold = ""

    def found(self, what: str, why: str = "", seconds: float | None = None) -> None:
        """Note damage at a time, None: where reading has come to. Raises MediaError unless damage is tolerated."""
        seconds = self.seconds if seconds is None else seconds
        told = f"{what} at {seconds:.3f} s" + (f": {why}" if why else "")
        if not self._tolerate:
            raise MediaError(f"{self._path}: {told}; --tolerate-damage writes what can be read")
        self._untold = self._untold or told
        first, _, count = self._places.get(what, (told, 0.0, 0))
        self._places[what] = (first, seconds, count + 1)

    def since_last(self) -> str | None:
        """The first damage that was found since this was last asked."""
        told, self._untold = self._untold or None, ""
        return told

    def told(self) -> list[str]:
        """What was found so far, each kind of damage once."""
        return [
            first if count == 1 else f"{first}, and {count - 1} times more until {seconds:.3f} s"
            for first, seconds, count in self._places.values()
        ]
