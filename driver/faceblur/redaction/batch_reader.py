"""Reads frames into intervals, and intervals into batches that own their lease on memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any, Self

from faceblur.base.errors import MediaError
from faceblur.base.events import FramesRead
from faceblur.base.memory_bounds import BATCH_BYTES, window_frames
from faceblur.base.options import Options
from faceblur.base.time_span import TimeSpan
from faceblur.detection.gate import Gate, Lease
from faceblur.redaction.batch import Batch
from faceblur.redaction.frame import Frame
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.tracking.search_intervals import SearchInterval

# So few searched frames that the function has work while more is read.
FIRST_BATCH = 2


def into_batches(items: Iterable[Any], main: int, options: Options, max_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Group a source's frames and packets. What ends an interval depends on the video alone, not on the batches.

    A batch ends at `options.batch_size` searched frames, or at `max_bytes` of decoded ones. The first ends at
    FIRST_BATCH searched frames, and each may have twice as many as the one before.
    `main` is the index of the main video stream: packets go before its frames, and all other streams' frames are
    searched. Frames in the rest are in no interval.
    """
    batch, inner, packets = Batch(), list[Frame](), list[Any]()
    most = min(FIRST_BATCH, options.batch_size)
    interval: SearchInterval | None = None
    for item in items:
        if not isinstance(item, Frame):
            packets.append(item)
            batch.size_bytes += item.size
            continue
        batch.frames.append(item)
        batch.size_bytes += item.size_bytes
        if item.stream != main:
            item.ends_interval = not item.in_rest
        elif item.in_rest:
            item.packets, packets = packets, []
            if inner:  # the span ends here
                inner[-1].ends_interval = True
                batch.intervals.append(inner)
                inner = []
        else:
            if interval is None:
                within = window_frames(item.size_bytes)
                interval = SearchInterval(options.detect_every, options.look_around, within)
            item.packets, packets = packets, []
            inner.append(item)
            # Frames are compared by their colours alone.
            item.ends_interval = interval.ends_at(item.seconds) or item.views > 1
            if item.ends_interval:
                batch.intervals.append(inner)
                inner = []
        searched = len(batch.intervals) or len(batch.frames)
        if not inner and (searched >= most or batch.size_bytes >= max_bytes):
            yield batch
            batch, most = Batch(), min(2 * most, options.batch_size)
    if inner:
        inner[-1].ends_interval = True
        batch.intervals.append(inner)
    batch.tail = packets
    if batch.frames or packets:
        yield batch


class BatchReader:
    """Reads batches on the source's own thread, each once there is memory for it. A context manager.

    Leaving it gives back the memory of batches that were never written. `frames` counts what was read, by stream.
    """

    def __init__(self, batches: Iterator[Batch], source: OwnThread[Any], memory: Gate, work: FileWork) -> None:
        self._batches, self._source, self._memory, self._work = batches, source, memory, work
        self._open: list[Lease] = []
        self._first: Batch | None = None
        self.frames: Counter[int] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lease in self._open:
            lease.release()

    async def first(self, span: TimeSpan | None = None) -> Batch:
        """The first batch, which `read` will give too. Raises MediaError when no frame is in it, read from a span."""
        batch = self._first = await self.next()
        if batch is None or not batch.frames:
            where = f" from {span}" if span is not None else ""
            raise MediaError(f"{self._work.source}: its video stream holds no frame{where}")
        return batch

    async def read(self) -> AsyncGenerator[Batch]:
        """All batches, in order."""
        batch, self._first = self._first or await self.next(), None
        while batch is not None:
            yield batch
            batch = await self.next()

    async def next(self) -> Batch | None:
        """The next batch, None at the end of the source."""
        lease = await self._memory.lease()
        self._open = [lease, *(one for one in self._open if not one.released)]
        with self._work.at("decode"):
            batch = await self._work.on(self._source.executor, "decode", self._decode)
        if batch is None:
            lease.release()
            return None
        batch.lease = lease
        self.frames.update(frame.stream for frame in batch.frames)
        self._work.emit(FramesRead(self._work.source, len(batch.frames)))
        return batch

    def _decode(self) -> Batch | None:
        return None if self._source.stop.is_set() else next(self._batches, None)
