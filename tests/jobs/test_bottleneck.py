"""The last line names the bottleneck of a run: the stage that is made slow on purpose."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.events import Position
from faceblur.cli.app import main
from faceblur.detection.request_statistics import RequestStatistics
from faceblur.jobs.bottleneck import BottleneckSampler, Stage, awaited_stage
from faceblur.media.writer import VideoWriter
from tests.conftest import ServerThread
from tests.support.batches import echo
from tests.support.hostile import Server, SlowProxy, first_contact


class Function(Server):
    """Detects no face, `seconds` after it was asked, with one worker; `reports` says whether it reports that time."""

    def __init__(self, seconds: float, *, reports: bool = True) -> None:
        super().__init__(self._answer)
        self._worker, self._seconds, self._reports = asyncio.Semaphore(1), seconds, reports

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return first_contact(request)
        body = await request.json()
        async with self._worker:
            await asyncio.sleep(self._seconds)
        timings = {"detect": self._seconds * 1000} if self._reports else {}
        return web.json_response(echo(body) | {"timings_ms": timings})


def last_line(server: AbstractAsyncContextManager[Any], clip: Path, out: Path, *more: str) -> str:
    with ServerThread(server) as function:
        arguments = ["run", str(clip), "-o", str(out), "--function", function.url, *more]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def clip(clips: Path, face: Image) -> Path:
    """Frames that are soon decoded and encoded, on a busy machine too."""
    return write_clip(clips / "bottleneck.mp4", pan(face, (160, 120), 60))


@pytest.mark.parametrize("reports", [True, False], ids=["timings reported", "timings not reported"])
def test_slow_function(clip: Path, tmp_path: Path, reports: bool) -> None:
    line = last_line(Function(0.5, reports=reports), clip, tmp_path, "--batch-size", "8")
    assert line.startswith("bound by function (") and "more workers or GPUs" in line, line


def test_slow_encoder(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = VideoWriter.write

    def slow(*arguments: Any) -> None:
        time.sleep(0.02)
        write(*arguments)

    monkeypatch.setattr(VideoWriter, "write", slow)
    line = last_line(Function(0.01), clip, tmp_path, "--batch-size", "4")
    assert line.startswith("bound by encode (") and "): a faster --preset" in line, line


class SlowNetwork:
    """A quick function behind a slow network."""

    async def __aenter__(self) -> SlowNetwork:
        self._function = Function(0.01)
        await self._function.__aenter__()
        self._proxy = SlowProxy(self._function.url, bytes_a_second=1.5e5)
        await self._proxy.__aenter__()
        self.url = self._proxy.url
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._proxy.__aexit__(None, None, None)
        await self._function.__aexit__(None, None, None)


def test_slow_network(clip: Path, tmp_path: Path) -> None:
    line = last_line(SlowNetwork(), clip, tmp_path, "--batch-size", "8")
    assert line.startswith("bound by network (") and "--return faces" in line, line


def test_concurrency_that_was_set_too_low(clip: Path, tmp_path: Path) -> None:
    line = last_line(Function(0.5), clip, tmp_path, "--batch-size", "8", "--concurrency", "1")
    assert line.startswith("bound by function (") and "): a higher --concurrency" in line, line


@pytest.mark.parametrize(
    ("positions", "full", "preparing", "stage"),
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
def test_stage_that_is_waited_for(positions: dict[Position, int], full: bool, preparing: int, stage: str) -> None:
    assert awaited_stage(Counter(positions), full=full, preparing=preparing) == stage


@pytest.mark.parametrize(
    ("seconds", "requests", "line"),
    [
        (
            {"encode": 36, "function": 64},
            {"network": 32, "queue": 44, "computing": 52},
            "bound by function (48% of the time: 26% computing, 22% in its queue): more workers or GPUs make it faster "
            "(replicas in function.yaml). The others: encode 36%, network 16%",
        ),
        (
            {"encode": 40, "function": 60},
            {"network": 22, "queue": 0, "computing": 38},
            "bound by encode (40% of the time): a faster --preset, more videos at a time (--jobs) or more cores make "
            "it faster. The others: function 38%, network 22%",
        ),
        (
            {"decode": 2},
            {},
            "bound by decode (100% of the time): more videos at a time (--jobs) or more cores make it faster",
        ),
        ({}, {}, ""),
    ],
    ids=["function", "encode", "one stage", "nothing"],
)
def test_the_line_names_the_largest_share_once(
    seconds: dict[Stage, float], requests: dict[str, float], line: str
) -> None:
    sampler = BottleneckSampler(list, lambda: False, adaptive=True)
    sampler.seconds.update(seconds)
    statistics = RequestStatistics()
    statistics.add_seconds(**{"network": 0.0, "queue": 0.0, "computing": 0.0} | requests)
    made = sampler.summary(statistics, local=False)
    assert made == line
    shares = [int(share) for share in re.findall(r"(?:\(|[a-zA-Z] )(\d+)%", made.replace("of the time: ", ""))]
    assert shares[:1] == [max(shares)] if shares else not line


@pytest.mark.parametrize(
    ("local", "stage", "advice"),
    [(False, "network", "or --return faces"), (True, "hand-over", "the function runs on this machine: more cores")],
)
def test_on_this_machine_no_network_is_to_blame(local: bool, stage: str, advice: str) -> None:
    sampler = BottleneckSampler(list, lambda: False, adaptive=True)
    sampler.seconds.update({"function": 9, "encode": 1})
    statistics = RequestStatistics()
    statistics.add_seconds(network=8, queue=0, computing=1)
    made = sampler.summary(statistics, local=local)
    assert made.startswith(f"bound by {stage} (80% of the time): ") and advice in made
    assert ("--return faces" in made) is ("network" in made) is not local
