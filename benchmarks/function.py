"""Frames per second of the complete handler and of each of its stages, in one table.

`python -m benchmarks.function` (from the repository: as a script, this file would hide the package `function`).
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import platform
import tempfile
import time
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import torch
import torchvision
from rich.console import Console
from rich.table import Table

from benchmarks import stages
from benchmarks.machine import Gpu, Others
from benchmarks.random_weights import write_random_weights
from examples.sample_clip import astronaut, pan
from faceblur_function import defaults, main, wire
from faceblur_function.cpu import cores
from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch
from faceblur_function.images import encode_image
from faceblur_function.service import Service
from faceblur_function.settings import Settings

FACES_PER_FRAME = 5
PATIENCE_SECONDS = 900
COLUMNS = (
    *("size", "batch", "return", "workers", "fps"),
    *stages.STAGES,
    *("GFLOP", "of peak", "GPU %", "MiB", "others"),
)


def make_body(size_wh: tuple[int, int], batch: int, return_: str, threshold: float) -> bytes:
    """A request of JPEG frames in which a face moves."""
    frames = [wire.encode_base64(encode_image(one, "jpeg", 95)) for one in pan(astronaut(), size_wh, batch)]
    return json.dumps({"frames": frames, "return": return_, "threshold": threshold}).encode()


def middling_threshold(detector: Any, size_wh: tuple[int, int]) -> float:
    """The score from which random weights detect about FACES_PER_FRAME boxes in a frame."""
    (faces,) = detector.detect(list(pan(astronaut(), size_wh, 1)), threshold=0.5)
    return float(faces.scores[min(FACES_PER_FRAME, len(faces)) - 1]) if len(faces) else 0.5


def answer(settings: Settings, body: bytes, seconds: float, barrier: Any, results: Any) -> None:
    """One worker, as the platform runs it: load, warm, then answer the same request again and again."""
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    os.environ.update({name.upper(): str(value) for name, value in given.items() if value is not None})
    nothing = lambda *arguments, **keywords: None  # noqa: E731
    context: Any = SimpleNamespace(
        user_data=SimpleNamespace(),
        logger=SimpleNamespace(info_with=nothing, error_with=nothing),
        platform=SimpleNamespace(set_termination_callback=nothing),
        Response=SimpleNamespace,
    )
    main.init_context(context)
    http = SimpleNamespace(kind="http")
    event = SimpleNamespace(
        path="/", method="POST", content_type="application/json", body=body, fields={}, trigger=http
    )
    main.handler(context, event)
    barrier.wait(PATIENCE_SECONDS)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        reply = main.handler(context, event)
        if reply.status_code != 200:
            raise SystemExit(f"the function answers {reply.status_code}: {reply.body}")
        results.put(1)
    results.put(None)


def answers_per_second(settings: Settings, body: bytes, seconds: float) -> tuple[float, str, str]:
    """Requests/s of all workers together, with `Gpu.summary`."""
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(settings.workers + 1), spawn.Queue()
    arguments = (settings, body, seconds, barrier, results)
    workers = [spawn.Process(target=answer, args=arguments, daemon=True) for _ in range(settings.workers)]
    for worker in workers:
        worker.start()
    barrier.wait(PATIENCE_SECONDS)
    start, last, answers, done = time.perf_counter(), 0.0, 0, 0
    with Gpu(settings.device) as gpu:
        while done < len(workers):
            if results.get(timeout=PATIENCE_SECONDS) is None:
                done += 1
                continue
            answers += 1
            last = time.perf_counter() - start
    for worker in workers:
        worker.join()
    return answers / last, *gpu.summary()


def describe(settings: Settings, random: bool, gflops: float) -> str:
    """What was measured, where and with which versions: the table's caption."""
    cuda = settings.device.startswith("cuda")
    where = torch.cuda.get_device_name(settings.device) if cuda else f"{platform.machine()}, {cores()} cores"
    weights = f"random weights, about {FACES_PER_FRAME} boxes a frame" if random else "trained weights"
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}: {settings.model} on {settings.device} ({where}), {weights}",
        f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}",
        "Stages are ms a frame with one worker; fps is the complete handler with all workers.",
        "'others': the share of the CPU that other processes took meanwhile; from 5 % on, do not trust the row.",
    ]
    if gflops:
        lines.append(
            f"'of peak': the network's share of the {gflops / 1000:.2f} TFLOP/s of a large matrix product here."
        )
    return "\n".join(lines)


def listed(context: Any, parameter: Any, value: str) -> list[str]:
    return value.split(",")


@click.command(help=__doc__)
@click.option("--model", default="retinaface-resnet50", show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--weights", type=click.Path(exists=True), help="A file. [Default: random ones, for the ResNet]")
@click.option("--sizes", default="320x180,640x360", callback=listed, show_default=True, metavar="WxH,…")
@click.option("--batches", default="1,4", callback=listed, show_default=True, metavar="N,…")
@click.option("--returns", default="faces,frames", callback=listed, show_default=True, metavar="KIND,…")
@click.option("--workers", default="1,2", callback=listed, show_default=True, metavar="N,…")
@click.option("--seconds", default=10.0, show_default=True, help="How long each row is measured.")
def command(
    model: str,
    device: str,
    weights: str | None,
    sizes: list[str],
    batches: list[str],
    returns: list[str],
    workers: list[str],
    seconds: float,
) -> None:
    random = model == RetinaFaceTorch.name and weights is None
    with tempfile.TemporaryDirectory() as folder:
        if random:
            weights = str(write_random_weights(Path(folder, "random.pth"), seed=1))
        settings = Settings(model=model, device=device, weights=weights, detect_size=defaults.DETECT_SIZE)
        service = Service(settings)
        detector = service.detector
        gflops = stages.device_gflops(device, detector.precision) if isinstance(detector, RetinaFaceTorch) else 0.0
        table = Table(caption=describe(settings, random, gflops), caption_justify="left")
        for name in COLUMNS:
            table.add_column(name, justify="right")
        for size, batch in itertools.product(sizes, map(int, batches)):
            width, _, height = size.partition("x")
            size_wh = (int(width), int(height))
            threshold = middling_threshold(detector, size_wh) if random else defaults.THRESHOLD
            with Others() as others:
                spent = stages.measure(service, make_body(size_wh, batch, "frames", threshold), batch, repeats=3)
            work, share = "-", "-"
            if isinstance(detector, RetinaFaceTorch):
                gflop = stages.network_gflop(detector, size_wh)
                work, share = f"{gflop:.1f}", f"{gflop / (spent['network'] / 1000) / gflops:.0%}"
            for return_, count in itertools.product(returns, map(int, workers)):
                body = make_body(size_wh, batch, return_, threshold)
                with Others() as others_then:
                    rate, *gpu = answers_per_second(replace(settings, workers=count), body, seconds)
                times = [f"{spent[stage]:.1f}" if stage in spent else "-" for stage in stages.STAGES]
                row = [size, str(batch), return_, str(count), f"{rate * batch:.2f}", *times, work, share, *gpu]
                table.add_row(*row, f"{max(others.share, others_then.share):.0%}")
                click.echo(f"{size} batch {batch} {return_} workers {count}: {rate * batch:.2f} fps", err=True)
        Console(width=None if os.isatty(1) else 200).print(table)


if __name__ == "__main__":
    command()
