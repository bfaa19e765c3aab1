"""The last line names what bounds a run: it is the true one when a stage is made slow on purpose."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.cli.app import main
from faceblur.detection.round_trips import RoundTrips
from faceblur.detection.transport import Response
from faceblur.jobs.bottleneck import Gauge, awaited
from faceblur.jobs.scheduler import Order
from tests.conftest import ServerThread
from tests.support.batches import echo
from tests.support.hostile import Server, SlowProxy


class Function(Server):
    """Finds no face, `seconds` after it was asked, with one worker; tells how long it computed, if it `tells`."""

    def __init__(self, seconds: float, *, tells: bool = True) -> None:
        super().__init__(self._answer)
        self._worker, self._seconds, self._tells = asyncio.Semaphore(1), seconds, tells

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"version": 1, "model": "m", "device": "d"})
        body = await request.json()
        async with self._worker:
            await asyncio.sleep(self._seconds)
        timings = {"detect": self._seconds * 1000} if self._tells else {}
        return web.json_response(echo(body) | {"timings_ms": timings})


def last_line(server: AbstractAsyncContextManager[Any], clip: Path, out: Path, *more: str) -> str:
    with ServerThread(server) as function:
        arguments = ["run", str(clip), "-o", str(out), "--function", function.url, *more]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def clip(clips: Path, face: Image) -> Path:
    return write_clip(clips / "bound.mp4", pan(face, (480, 360), 60))


@pytest.mark.parametrize("tells", [True, False], ids=["timings told", "timings not told"])
def test_slow_function(clip: Path, tmp_path: Path, tells: bool) -> None:
    line = last_line(Function(0.5, tells=tells), clip, tmp_path, "--batch-size", "8")
    assert line.startswith("bound by function ") and "more workers or GPUs" in line, line


def test_slow_encoder(clip: Path, tmp_path: Path) -> None:
    line = last_line(Function(0.01), clip, tmp_path, "--preset", "slower", "--batch-size", "4")
    assert line.startswith("bound by encode: a faster --preset"), line


class SlowWay:
    """A quick function behind a slow line."""

    async def __aenter__(self) -> SlowWay:
        self._function = Function(0.01)
        await self._function.__aenter__()
        self._proxy = SlowProxy(self._function.url, bytes_a_second=1.5e6)
        await self._proxy.__aenter__()
        self.url = self._proxy.url
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._proxy.__aexit__(None, None, None)
        await self._function.__aexit__(None, None, None)


def test_slow_network(clip: Path, tmp_path: Path) -> None:
    line = last_line(SlowWay(), clip, tmp_path, "--batch-size", "8")
    assert line.startswith("bound by network: ") and "--return faces" in line, line


def test_concurrency_that_was_set_too_low(clip: Path, tmp_path: Path) -> None:
    line = last_line(Function(0.2), clip, tmp_path, "--batch-size", "8", "--concurrency", "1")
    assert line.startswith("bound by function computing: a higher --concurrency"), line


@pytest.mark.parametrize(
    ("gauge", "full", "preparing", "stage"),
    [
        ({"decode": 1, "function": 4, "encode": 1, "ready": 3}, True, 0, "function"),
        ({"decode": 1, "function": 2, "encode": 1, "ready": 3}, False, 0, "encode"),
        ({"decode": 1, "function": 2, "encode": 1}, False, 1, "decode"),
        ({"JPEG": 3, "function": 1}, False, 3, "JPEG"),
        ({"function": 1}, False, 0, "function"),
        ({"encode": 1}, True, 0, "encode"),
        ({}, False, 0, "driver"),
    ],
    ids=str,
)
def test_stage_that_is_waited_for(gauge: dict[str, int], full: bool, preparing: int, stage: str) -> None:
    assert awaited(Gauge(gauge), full=full, preparing=preparing) == stage


def test_round_trips_are_split() -> None:
    trips = RoundTrips()
    alone = Response(200, b"", sending=0.1, waiting=1.5, receiving=0.1)
    assert trips.split(alone, [1000.0], concurrent=1).queue == 0
    queued = Response(200, b"", sending=0.1, waiting=3.5, receiving=0.1)
    trip = trips.split(queued, [1000.0], concurrent=4)
    assert (round(trip.network, 6), trip.queue, trip.computing) == (0.7, 2.0, 1.0)
    # Two requests of a second each cannot have waited longer than a second: the rest is the way.
    assert trips.split(queued, [1000.0], concurrent=2).queue == 1.0
    for nonsense in ([float("nan")], [-5.0], [float("inf")], [1e300], []):
        trip = trips.split(queued, nonsense, concurrent=2)
        assert min(trip.network, trip.queue, trip.computing) >= 0
        assert trip.network + trip.queue + trip.computing == pytest.approx(queued.seconds)


def test_short_videos_do_not_wait_behind_long_ones() -> None:
    frames = [50, 9000, 20, 8000, 10]
    order = Order([Video(Path(str(count)), Path("x"), count) for count in frames], alone=False)
    first = [order.next().frames for _ in range(3)]
    assert first == [9000, 10, 20]
    order.ended(Path("9000"))
    assert [order.next().frames for _ in range(2)] == [8000, 50]
