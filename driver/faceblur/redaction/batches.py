"""A video's frames and packets in batches, each of which ends where an interval of the search does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from faceblur.media.frames import DecodedFrame, Packet
from faceblur.media.reader import VideoReader
from faceblur.redaction.plan import BATCH_BYTES, Plan, window_frames
from faceblur.redaction.search import AUTOMATIC_EVERY, Pace

# Frames are searched at intervals only where the look-ahead window holds this many of them.
WINDOW_INTERVALS = 3
Item: TypeAlias = "DecodedFrame | Packet[Any]"


@dataclass(slots=True)
class Batch:
    """Frames and the packets between them, in the source's order.

    `ends` are the indices of the main stream's frames that end an interval: its last one is among them.
    """

    items: list[Item] = field(default_factory=list)
    pictures: list[DecodedFrame] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    size: int = 0
    inside: int | None = None

    def add(self, item: Item, *, main: int, pace: Pace | None) -> None:
        self.items.append(item)
        if not isinstance(item, DecodedFrame):
            self.size += item.size
            return
        self.size += item.size_bytes
        self.pictures.append(item)
        if item.stream == main and pace is not None:
            self.inside = len(self.pictures) - 1
            if pace.ends_interval(item):
                self.end()

    def end(self) -> None:
        """Have the interval end with the last frame so far, if one is open."""
        if self.inside is not None:
            self.ends.append(self.inside)
            self.inside = None


def read_batches(reader: VideoReader, plan: Plan) -> Iterator[Batch]:
    """Read a video to its end. What ends an interval depends on the video alone, not on where a batch ends."""
    batch, begun, main = Batch(), False, reader.main_stream.index
    pace: Pace | None = None
    for item in reader:
        if pace is None and isinstance(item, DecodedFrame) and item.stream == main:
            pace = pace_for(item, plan)
        batch.add(item, main=main, pace=pace)
        begun = begun or bool(batch.pictures)  # the writer waits for a frame, however much sound goes before it
        searched = len(batch.pictures) if not batch.ends else len(batch.ends)
        full = searched >= plan.batch_size or (batch.size >= BATCH_BYTES and begun)
        if full and batch.inside is None:
            yield batch
            batch = Batch()
    batch.end()
    if batch.items:
        yield batch


def pace_for(frame: DecodedFrame, plan: Plan) -> Pace:
    """The pace of a video of such frames: one search a frame where the window could not cover gaps backwards."""
    fits = window_frames(frame.size_bytes) // WINDOW_INTERVALS
    every = plan.detect_every
    return Pace(1 if fits < (every or AUTOMATIC_EVERY) else every, plan.look_around)
