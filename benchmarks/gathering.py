"""Whether one worker should gather small requests of many callers into one batch for the model.

`python -m benchmarks.gathering`: callers in threads send requests to one `Service`, which answers them one after
another, or side by side, or side by side with their frames gathered for a fixed time before the model runs.
"""

from __future__ import annotations

import os
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.function import describe, listed, make_body, middling_threshold
from benchmarks.random_weights import write_random_weights
from faceblur_function import defaults, wire
from faceblur_function.detectors.detector import Detector, Faces, Frame
from faceblur_function.service import Service
from faceblur_function.settings import Settings


class Gathering:
    """A Detector in front of another: it waits `seconds` after the first frames, or for `most` frames, and runs all."""

    def __init__(self, detector: Detector, seconds: float, most: int) -> None:
        self._detector, self._seconds, self._most = detector, seconds, most
        self._waiting: queue.SimpleQueue[tuple[Sequence[Frame], float, Future[list[Faces]]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        future: Future[list[Faces]] = Future()
        self._waiting.put((frames, threshold, future))
        return future.result()

    def _run(self) -> None:
        while True:
            gathered = [self._waiting.get()]
            until = time.perf_counter() + self._seconds
            while sum(len(frames) for frames, _, _ in gathered) < self._most:
                try:
                    gathered.append(self._waiting.get(timeout=max(0.0, until - time.perf_counter())))
                except queue.Empty:
                    break
            # All callers of this benchmark ask for the same threshold, and of one pass: full size, or the small copy.
            threshold = min(threshold for _, threshold, _ in gathered)
            together = self._detector.detect([one for frames, _, _ in gathered for one in frames], threshold=threshold)
            for frames, _, future in gathered:
                future.set_result(together[: len(frames)])
                together = together[len(frames) :]


def measure(answer: Callable[[], Any], callers: int, seconds: float) -> tuple[float, list[float]]:
    """Requests/s of all callers, and the seconds that each request took."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    def call() -> None:
        while (start := time.perf_counter()) < end:
            answer()
            took.append(time.perf_counter() - start)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(took) / (time.perf_counter() - began), took


@click.command(help=__doc__)
@click.option("--device", default="cpu", show_default=True)
@click.option("--size", default="320x180", show_default=True, metavar="WxH")
@click.option("--batches", default="1,4,16", callback=listed, show_default=True, metavar="N,…")
@click.option("--callers", default=10, show_default=True)
@click.option("--wait-ms", default=50, show_default=True, help="How long frames are gathered.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each row is measured.")
@click.option("--rounds", default=3, show_default=True, help="Each way is measured so often, in turn.")
def command(
    device: str, size: str, batches: list[str], callers: int, wait_ms: int, seconds: float, rounds: int
) -> None:
    width, _, height = size.partition("x")
    size_wh = (int(width), int(height))
    with tempfile.TemporaryDirectory() as folder:
        weights = str(write_random_weights(Path(folder, "random.pth"), seed=1))
        settings = Settings(model="retinaface-resnet50", device=device, weights=weights)
        service = Service(settings)
    plain, lock = service.detector, threading.Lock()
    gathering = Gathering(plain, wait_ms / 1000, defaults.MAX_FRAMES)
    threshold = middling_threshold(plain, size_wh)
    table = Table(caption=describe(settings, True, 0), caption_justify="left")
    for name in (
        "size",
        "batch",
        "callers",
        "requests are answered",
        "fps",
        "lowest",
        "highest",
        "median ms",
        "95 % ms",
    ):
        table.add_column(name, justify="right")
    for batch in map(int, batches):
        request = wire.parse_request(wire.parse_json(make_body(size_wh, batch, "faces", threshold)))

        def one_by_one(request: wire.Request = request) -> str:
            with lock:
                return service.batch(request)

        ways: dict[str, tuple[Any, Callable[[], str]]] = {
            "one after another": (plain, one_by_one),
            "side by side": (_Locked(plain), lambda request=request: service.batch(request)),
            f"gathered for {wait_ms} ms": (gathering, lambda request=request: service.batch(request)),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        times: dict[str, list[float]] = {way: [] for way in ways}
        for way, (detector, answer) in list(ways.items()) * rounds:
            service.detector = detector
            rate, took = measure(answer, callers, seconds)
            rates[way].append(rate * batch)
            times[way] += took
        for way in ways:
            fps, ms = sorted(rates[way]), sorted(1000 * one for one in times[way])
            row = [statistics.median(fps), fps[0], fps[-1], statistics.median(ms), ms[int(0.95 * len(ms))]]
            table.add_row(size, str(batch), str(callers), way, *(f"{value:.1f}" for value in row))
    Console(width=None if os.isatty(1) else 200).print(table)


class _Locked:
    """A Detector of which one call runs at a time."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._lock = detector, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        with self._lock:
            return self._detector.detect(frames, threshold=threshold)


if __name__ == "__main__":
    command()
