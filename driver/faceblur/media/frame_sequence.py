"""Checks that an output gets every frame that was read, in order: a loss or a swap on the way ends the file here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from faceblur.base.errors import MediaError


class NumberedFrame(Protocol):
    """A frame with the index of its stream, and its number there from 0."""

    @property
    def stream(self) -> int: ...
    @property
    def number(self) -> int: ...


class FrameSequence:
    """The frames that an output got so far, counted by stream. Raises MediaError, which names `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.counts: Counter[int] = Counter()

    def check_next(self, frame: NumberedFrame) -> None:
        """Count a frame. Refuses one that is not the next of its stream."""
        expected = self.counts[frame.stream]
        if frame.number != expected:
            raise MediaError(
                f"{self._path}: internal error: frame {expected} of stream {frame.stream} was lost or is out of order, "
                f"frame {frame.number} came in its position: a bug in faceblur"
            )
        self.counts[frame.stream] += 1

    def check_complete(self, read: Mapping[int, int]) -> None:
        """Refuse an output that lacks frames of what was `read`, counted by stream."""
        for stream, count in read.items():
            if self.counts[stream] != count:
                raise MediaError(
                    f"{self._path}: internal error: {self.counts[stream]} of {count} frames of stream {stream} were "
                    "written: a bug in faceblur"
                )
