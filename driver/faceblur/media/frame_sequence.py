"""Checks that an output gets every frame that was read, in order: a loss or a swap on the way ends the file here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from faceblur.base.counted import counted
from faceblur.base.errors import MediaError
from faceblur.media.opening import open_input


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

    def check_file(self, file: Path, streams: Mapping[int, int]) -> None:
        """Refuse a written file that lacks frames. `streams` are the indices of its streams by those of the source."""
        with open_input(file) as container:
            written = Counter(packet.stream_index for packet in container.demux() if packet.size)
        for stream, index in streams.items():
            if lost := self.counts[stream] - written[index]:
                raise MediaError(
                    f"{self._path}: its container does not hold the last {counted(lost, 'frame')}, after the end of "
                    "the audio: name the output .mov or .mkv"
                )
