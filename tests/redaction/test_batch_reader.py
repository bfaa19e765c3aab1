"""Frames become intervals and batches: the same intervals whatever the batches, and every lease is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from faceblur.base import memory_bounds
from faceblur.base.errors import MediaError
from faceblur.base.events import Event, FramesRead
from faceblur.base.options import Options
from faceblur.detection.gate import Gate
from faceblur.redaction.batch import Batch
from faceblur.redaction.batch_reader import BatchReader, into_batches
from faceblur.redaction.threads import FileWork, OwnThread
from tests.redaction.plain_frames import PlainFrame, PlainPacket, plain_frames

MAIN = 0
SOURCE = Path("a.mp4")


def intervals(batches: list[Batch]) -> list[list[int]]:
    return [[frame.number for frame in one] for batch in batches for one in batch.intervals]


@pytest.mark.parametrize("count", [1, 6, 7, 36, 37, 100])
def test_intervals_do_not_depend_on_batch_sizes(count: int) -> None:
    expected = [[0], *([*range(first, min(first + 6, count))] for first in range(1, count, 6))]
    for size in (1, 2, 3, 7, 64):
        batches = list(into_batches(plain_frames(count), MAIN, Options(batch_size=size)))
        assert intervals(batches) == expected, size
        assert [frame.number for batch in batches for frame in batch.frames] == list(range(count))
        growing = [min(2**number, size) for number in range(1, len(batches))]
        assert [len(batch.intervals) for batch in batches[:-1]] == growing, size
        for batch in batches:
            for one in batch.intervals:
                assert [frame.ends_interval for frame in one] == [False] * (len(one) - 1) + [True]


def test_intervals_do_not_depend_on_the_memory_bound_of_a_batch() -> None:
    batches = list(into_batches(plain_frames(37), MAIN, Options(), max_bytes=8 * 1000))
    assert intervals(batches) == [[0], *([*range(first, first + 6)] for first in range(1, 37, 6))]
    # A batch ends with the first interval with which it is full.
    assert [len(batch.frames) for batch in batches] == [7, 12, 12, 6]


@pytest.mark.parametrize(("window", "expected"), [(17, [[0], [*range(1, 6)], [6, 7, 8]]), (5, [[n] for n in range(9)])])
def test_the_window_holds_three_intervals(
    monkeypatch: pytest.MonkeyPatch, window: int, expected: list[list[int]]
) -> None:
    monkeypatch.setattr(memory_bounds, "WINDOW_BYTES", window * 1000)
    assert intervals(list(into_batches(plain_frames(9), MAIN, Options()))) == expected


def test_packets_go_before_the_frame_that_follows_them() -> None:
    first, second = plain_frames(2)
    a, b, c, last = (PlainPacket(name) for name in ("a", "b", "c", "last"))
    (batch,) = into_batches([a, first, b, c, second, last], MAIN, Options())
    assert (first.packets, second.packets, batch.tail) == ([a], [b, c], [last])


def test_packets_alone_are_a_batch_and_nothing_is_none() -> None:
    packet = PlainPacket("a")
    (batch,) = into_batches([packet], MAIN, Options())
    assert batch.frames == [] and batch.tail == [packet]
    assert list(into_batches([], MAIN, Options())) == []


def test_frames_of_other_streams_are_all_searched_and_belong_to_no_interval() -> None:
    main, other = plain_frames(10), plain_frames(10, stream=3)
    mixed = [frame for pair in zip(main, other, strict=True) for frame in pair]
    batches = list(into_batches(mixed, MAIN, Options()))
    assert [frame for batch in batches for frame in batch.frames] == mixed
    assert all(frame.ends_interval for frame in other)
    assert intervals(batches) == [[0], [*range(1, 7)], [7, 8, 9]]


def test_frames_with_a_second_view_are_all_searched() -> None:
    """They are compared by their colours alone: an alpha plane may show a face of its own at any time."""
    frames = plain_frames(9)
    for frame in frames[2:5]:
        frame.views = 2
    assert intervals(list(into_batches(frames, MAIN, Options()))) == [[0], [1, 2], [3], [4], [5, 6], [7, 8]]


class Source:
    """A source that lives on a thread of its own."""

    def __exit__(self, *exception: object) -> None:
        """There is nothing to close."""


class Reading:
    """A batch reader of plain frames, a batch each: `memory` is the gate of its leases, `events` what it emits."""

    def __init__(self, batches: Iterator[Batch], capacity: int) -> None:
        self.memory, self.events = Gate(lambda: capacity), list[Event]()
        self._batches = batches

    async def use(self, work: Callable[[BatchReader], Coroutine[Any, Any, None]]) -> None:
        with ThreadPoolExecutor(1) as codecs:
            file_work = FileWork(SOURCE, codecs, self.events.append)
            async with OwnThread(Source, "read") as own:
                with BatchReader(self._batches, own, self.memory, file_work) as reader:
                    await work(reader)


def read(batches: Iterator[Batch], capacity: int, work: Callable[[BatchReader], Coroutine[Any, Any, None]]) -> Reading:
    reading = Reading(batches, capacity)
    asyncio.run(asyncio.wait_for(reading.use(work), 30))
    return reading


def single(count: int) -> Iterator[Batch]:
    """Batches of a frame each."""
    return into_batches(plain_frames(count), MAIN, Options(batch_size=1, detect_every=1))


def test_every_batch_is_read_once_and_counted() -> None:
    numbers: list[int] = []

    async def work(reader: BatchReader) -> None:
        await reader.first()
        async for batch in reader.read():
            numbers.extend(frame.number for frame in batch.frames)
            assert batch.lease is not None
            batch.lease.release()
        assert reader.frames == {MAIN: 20} and await reader.next() is None

    reading = read(single(20), 2, work)
    assert numbers == list(range(20)) and reading.memory.held == 0
    assert sum(event.frames for event in reading.events if isinstance(event, FramesRead)) == 20


def test_reading_waits_for_memory() -> None:
    async def work(reader: BatchReader) -> None:
        first = await reader.first()
        await reader.next()
        waiting = asyncio.create_task(reader.next())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done() and reader.frames[MAIN] == 2
        assert first.lease is not None
        first.lease.release()
        third = await waiting
        assert third is not None and [frame.number for frame in third.frames] == [2]

    read(single(5), 2, work)


@pytest.mark.parametrize("ending", [None, MediaError, asyncio.CancelledError])
def test_leases_are_given_back_when_the_reading_ends_early(ending: type[BaseException] | None) -> None:
    reading = Reading(single(20), 3)
    is_full = asyncio.Event()

    async def work(reader: BatchReader) -> None:
        first = await reader.first()
        await reader.next()
        await reader.next()
        assert first.lease is not None
        first.lease.release()  # it is written
        await reader.next()
        assert reading.memory.held == 3
        is_full.set()
        if ending is MediaError:
            raise MediaError("no disk")
        if ending is asyncio.CancelledError:
            await reader.next()  # there is no memory for it: it waits for ever

    async def main() -> None:
        task = asyncio.create_task(reading.use(work))
        await is_full.wait()
        if ending is asyncio.CancelledError:
            task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert (type(result) if result is not None else None) is ending
        assert reading.memory.held == 0

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_source_that_fails_gives_its_lease_back() -> None:
    def broken() -> Iterator[Batch]:
        yield from into_batches(plain_frames(1), MAIN, Options(batch_size=1))
        raise MediaError("damaged")

    async def work(reader: BatchReader) -> None:
        await reader.first()
        with pytest.raises(MediaError, match="damaged"):
            await reader.next()

    assert read(broken(), 4, work).memory.held == 0


@pytest.mark.parametrize("items", [[], [PlainPacket("a")]], ids=["nothing", "packets alone"])
def test_source_without_a_frame_is_refused(items: list[PlainFrame | PlainPacket]) -> None:
    async def work(reader: BatchReader) -> None:
        with pytest.raises(MediaError, match=f"{SOURCE}: its video stream holds no frame"):
            await reader.first()

    assert read(into_batches(items, MAIN, Options()), 2, work).memory.held == 0


def test_the_rest_is_in_no_interval_and_a_span_ends_with_a_searched_frame() -> None:
    frames = plain_frames(20)
    for frame in frames[:3] + frames[9:]:
        frame.in_rest = True
    batches = list(into_batches(frames, 0, Options(), max_bytes=2000))
    assert [one for batch in batches for one in batch.frames] == frames
    assert [len(batch.frames) for batch in batches] == [2, 2, 6, 2, 2, 2, 2, 2]  # not all of the rest at once
    intervals = [interval for batch in batches for interval in batch.intervals]
    assert [one for interval in intervals for one in interval] == frames[3:9]
    assert frames[8].ends_interval and not any(one.ends_interval for one in frames[:3] + frames[9:])
