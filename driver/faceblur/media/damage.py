"""What counts as damage of a video, and the log of it: damage ends the reading, or is recorded where it is tolerated.

What cannot be read or decoded counts too: the reader and the stream decoder record it where it happens. What is missing
at the end is in completeness.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faceblur.base.counted import counted
from faceblur.base.errors import MediaError
from faceblur.media.pyav import seconds_of


class DamageLog:
    """What could not be read of a video. `seconds` is the time that reading has reached."""

    def __init__(self, path: Path, *, tolerate: bool) -> None:
        self.seconds = 0.0
        self._path, self.is_tolerated = path, tolerate
        # By kind of damage: the text of the first one, the time of the last one, and how many there were.
        self._kinds: dict[str, tuple[str, float, int]] = {}
        self._not_taken = ""

    def record(self, what: str, why: str = "", seconds: float | None = None) -> None:
        """Record damage at a time, None: where reading has got to. Raises MediaError unless damage is tolerated."""
        seconds = self.seconds if seconds is None else seconds
        text = f"{what} at {seconds:.3f} s" + (f": {why}" if why else "")
        if not self.is_tolerated:
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
            first if count == 1 else f"{first}, and {counted(count - 1, 'more time')} until {seconds:.3f} s"
            for first, seconds, count in self._kinds.values()
        ]


def check_marks(item: Any, log: DamageLog) -> None:
    """Record a packet that the container marks as damaged, or a frame that the decoder marks so."""
    if item.is_corrupt:
        log.record("damaged", seconds=seconds_of(item))


def is_audio_in_order(packet: Any, last_dts: int | None, log: DamageLog) -> bool:
    """Whether an audio packet comes after the one before it: muxers take no audio that goes back in time."""
    if packet.dts is not None and (last_dts is None or packet.dts >= last_dts):
        return True
    log.record("the audio's time is missing or goes back", "such packets are left out", seconds_of(packet))
    return False
