"""Does the driver keep N workers busy? A simulated function of N workers against throughput, latency and memory.

    python -m benchmarks.scale                     # 1, 8 and 64 workers that take 100 ms for a batch
    python -m benchmarks.scale --minutes 1,10,60   # how much memory a long video takes

The function is a real HTTP server in a process of its own. It answers a batch after a set time, with that many workers;
further requests wait for one, as at Nuclio, or with --refuse get a 503. The driver is `faceblur run`, as users call it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import requests
from aiohttp import web

from benchmarks.machine import Others
from faceblur_function import wire

FRAMES_A_SECOND = 30


class Simulated:
    """N workers that take `seconds` for a batch each, and detect no face."""

    def __init__(self, workers: int, seconds: float, *, refuse: bool) -> None:
        self._free, self._seconds, self._refuse = asyncio.Semaphore(workers), seconds, refuse
        self._spans: list[tuple[float, float, float]] = []  # came, began, ended
        self._refused = 0

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/spans":
            return web.json_response({"spans": self._spans, "refused": self._refused})
        if request.path == "/check":
            check = wire.Check(ok=True, detail_left=0.0, model="simulated", device="none", ms=0.0)
            return web.json_response(check.model_dump())
        if request.method == "GET":
            return web.json_response({"version": 1, "model": "simulated", "device": "none"})
        body = json.loads(await request.read())
        came = time.monotonic()
        if self._refuse and self._free.locked():
            self._refused += 1
            return web.Response(status=503)
        async with self._free:
            began = time.monotonic()
            await asyncio.sleep(self._seconds)
            self._spans.append((came, began, time.monotonic()))
        reply = {"version": 1, "model": "simulated", "device": "none", "faces": [[]] * len(body["frames"])}
        frames = {"frames": body["frames"]} if body["return"] == "frames" else {}
        return web.json_response(reply | frames | {"timings_ms": {"detect": self._seconds * 1000}})


def serve(workers: int, seconds: float, refuse: bool) -> None:
    """What the server's process does, until it is killed: prints its port and answers."""

    async def main() -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", Simulated(workers, seconds, refuse=refuse).answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def simulated(workers: int, seconds: float, refuse: bool) -> Iterator[str]:
    """The function in a process of its own; its address."""
    code = f"from benchmarks.scale import serve; serve({workers}, {seconds}, {refuse})"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


def write_clip(path: Path, size_wh: tuple[int, int], frames: int) -> Path:
    """A gradient that moves, as fast to write and to read as a video can be."""
    width, height = size_wh
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FRAMES_A_SECOND), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = (ramp + 4 * index) % 200 + 20
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def run(clips: list[Path], url: str, more: list[str]) -> dict[str, Any]:
    """One run of the driver: its wall and CPU seconds, its peak memory in MiB, and the last lines that it printed."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "faceblur", "run", *map(str, clips), "-o", out, "--function", url, *more]
        start = time.monotonic()
        driver = subprocess.Popen([*command, "--preset", "ultrafast"], stdout=subprocess.PIPE, text=True)
        assert driver.stdout
        lines = driver.stdout.read().splitlines()
        _, status, usage = os.wait4(driver.pid, 0)
        driver.returncode = os.waitstatus_to_exitcode(status)
        if driver.returncode:
            raise SystemExit("\n".join(lines))
    return {
        "seconds": time.monotonic() - start,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "in flight": lines[-2],
        "bound": lines[-1],
    }


def busy(url: str, workers: int, seconds: float) -> dict[str, float]:
    """What the server measured: the share of its workers' time that they were busy, from 1/4 to 9/10 of the
    run; batches a second; and the seconds for which a batch waited."""
    report = requests.get(f"{url}/spans", timeout=60).json()
    spans = np.array(report["spans"])
    first, last = spans[:, 0].min(), spans[:, 2].max()
    begin, end = first + (last - first) / 4, first + (last - first) * 0.9
    inside = np.clip(np.minimum(spans[:, 2], end) - np.maximum(spans[:, 1], begin), 0, None)
    steady = spans[(spans[:, 1] >= begin) & (spans[:, 1] < end)]
    return {
        "busy": inside.sum() / (end - begin) / workers,
        "rate": len(steady) / (end - begin),
        "waited": float(np.mean(steady[:, 1] - steady[:, 0])),
        "refused": report["refused"],
    }


def scaling(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each number of workers."""
    rows = []
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        for workers in map(int, options.workers.split(",")):
            frames = round(workers / options.seconds * options.run_seconds) * options.batch_size
            clips = [
                write_clip(Path(folder) / f"{workers}-{index}.mp4", (width, height), max(1, frames // options.videos))
                for index in range(options.videos)
            ]
            # Every frame goes to the function, so that it is the driver's way there which is measured.
            more = ["--batch-size", str(options.batch_size), "--return", options.returned, "--detect-every", "1"]
            with simulated(workers, options.seconds, options.refuse) as url, Others() as others:
                ran = run(clips, url, more)
                measured = busy(url, workers, options.seconds)
            bound = ran["bound"].removeprefix("bound by ").split(" (")[0]
            rows.append(
                {
                    "workers": workers,
                    "busy": f"{measured['busy']:.0%}",
                    "batches/s": f"{measured['rate']:.0f}",
                    "frames/s": f"{measured['rate'] * options.batch_size:.0f}",
                    "waited ms": f"{measured['waited'] * 1000:.0f}",
                    "refused": str(measured["refused"]),
                    "in flight": ran["in flight"].rpartition(": ")[2],
                    "driver's CPU ms a batch": f"{ran['cpu'] * 1000 * options.batch_size / frames:.1f}",
                    "memory MiB": f"{ran['memory']:.0f}",
                    "bound by": bound,
                    "others": f"{others.share:.0%}",
                }
            )
            print(rows[-1], file=sys.stderr)
    return rows


def lengths(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each length of a video, in minutes."""
    rows = []
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        for minutes in map(float, options.minutes.split(",")):
            frames = round(minutes * 60 * FRAMES_A_SECOND)
            clip = write_clip(Path(folder) / "long.mp4", (width, height), frames)
            more = ["--batch-size", str(options.batch_size), "--return", options.returned]
            with simulated(2, options.seconds, False) as url:
                ran = run([clip], url, more)
            rows.append(
                {
                    "minutes": f"{minutes:g}",
                    "frames": str(frames),
                    "seconds": f"{ran['seconds']:.0f}",
                    "in flight": ran["in flight"].rpartition(": ")[2],
                    "memory MiB": f"{ran['memory']:.0f}",
                }
            )
            print(rows[-1], file=sys.stderr)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "--:|" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(map(str, row.values())) + " |" for row in rows])


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Workers against throughput, waiting and memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    workers = [row["workers"] for row in rows]
    for position, name in enumerate(("batches/s", "waited ms", "memory MiB"), 1):
        axes = figure.add_subplot(1, 3, position)
        axes.plot(workers, [float(row[name]) for row in rows], "o-", label="measured")
        axes.set_xscale("log", base=2)
        axes.set_xticks(workers, [str(count) for count in workers])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("workers")
        axes.set_title(name)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,8,64", help="workers of the simulated function, a list")
    parser.add_argument("--seconds", type=float, default=0.1, help="time that a worker takes for a batch")
    parser.add_argument("--run-seconds", type=float, default=10, help="length of a run at full speed")
    parser.add_argument("--size", default="64x48", help="of the frames")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--videos", type=int, default=4, help="videos of a run")
    parser.add_argument("--return", dest="returned", choices=["frames", "faces"], default="faces")
    parser.add_argument("--refuse", action="store_true", help="503 at once when all workers are busy")
    parser.add_argument("--minutes", help="measure the memory over videos of these lengths instead, a list")
    parser.add_argument("--png", type=Path, help="draw the scaling into this file")
    options = parser.parse_args()
    rows = lengths(options) if options.minutes else scaling(options)
    print(table(rows))
    if options.png and not options.minutes:
        draw(rows, options.png)


if __name__ == "__main__":
    main()
