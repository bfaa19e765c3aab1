"""`faceblur evaluate`: measures, prints, and holds the recall against what is asked for."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from rich.console import Console
from rich.progress import Progress

from faceblur.base.errors import UsageError
from faceblur.detection.connect import Endpoint, connect
from faceblur.evaluation import curves, scores
from faceblur.evaluation.datasets import Dataset, find_dataset
from faceblur.evaluation.detections import Detecting, Detections
from faceblur.evaluation.exposure import exposure
from faceblur.evaluation.report import Point, print_point, print_sweep, write_json
from faceblur.evaluation.scores import BANDS, COUNTED, Matches
from faceblur_function import wire

log = logging.getLogger("faceblur")
T = TypeVar("T")
THRESHOLDS = [round(0.05 * step, 2) for step in range(1, 20)]
# Sizes above the largest picture's are left out: it is not scaled down at any of them.
DETECT_SIZES = [480, 640, 960, 1280, 1600, 1920, 2560, 3840]


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What of a run's settings matters here."""

    threshold: float
    padding: float
    look_around: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done with the numbers: a recall to be reached, a setting to vary, files to write."""

    min_recall: float | None = None
    sweep: Literal["threshold", "detect-size"] | None = None
    json: Path | None = None
    png: Path | None = None


async def evaluate(
    console: Console,
    places: Sequence[Path],
    images: Path | None,
    settings: EvaluationSettings,
    endpoint: Endpoint,
    wanted: Wanted,
) -> int:
    """0, or 1 when the recall is below `min_recall`. Raises FaceblurError."""
    scores.require_library()
    if wanted.sweep:
        curves.require_library()
    if wanted.sweep == "detect-size" and endpoint.urls:
        raise UsageError("--sweep detect-size restarts the function on this machine: not together with --function")
    dataset = await asyncio.to_thread(find_dataset, places, images)
    info, found = await _detect(console, dataset, endpoint)
    matches = await _in_thread(scores.match, found.samples)
    point = await _in_thread(_point, settings, matches, found, settings.threshold)
    recall = point.counted.recall
    if wanted.min_recall is not None and recall is None:
        raise UsageError(f"--min-recall: no face of {COUNTED} pixels is labelled")
    out = Console(width=None if console.is_terminal else 160)
    print_point(out, point)
    points: list[Point] = []
    if wanted.sweep == "threshold":
        for one in THRESHOLDS:
            points.append(await _in_thread(_point, replace(settings, threshold=one), matches, found, one))
    elif wanted.sweep == "detect-size":
        points = await _sweep_sizes(console, dataset, settings, endpoint, found.long_side)
    if wanted.sweep:
        print_sweep(out, wanted.sweep, points)
        path = wanted.png or Path(f"sweep-{wanted.sweep}.png")
        _draw(path, wanted.sweep, points, settings.threshold if wanted.sweep == "threshold" else None)
        out.print(f"\nThe curve is in {path}", highlight=False, markup=False, soft_wrap=True)
    passed = None
    if wanted.min_recall is not None:
        passed = recall is not None and recall >= wanted.min_recall
    if wanted.json is not None:
        content = {
            "function": info.model_dump(include={"model", "device", "weights_sha256"}),
            "settings": settings,
            "dataset": dataset.counts(),
            "scores": point.scores,
            "videos": point.videos,
            "sweep": points,
            "gate": {"min_recall": wanted.min_recall, "faces": COUNTED, "recall": recall, "passed": passed},
        }
        write_json(wanted.json, content)
    if passed is False:
        what = f"recall {recall:.4f} of faces of {COUNTED} pixels"
        log.error("error: %s is below --min-recall %g", what, wanted.min_recall)
        return 1
    return 0


async def _detect(console: Console, dataset: Dataset, endpoint: Endpoint) -> tuple[wire.Info, Detections]:
    async with connect(endpoint) as (client, info):
        log.info("function: %s on %s (%s)", info.model, info.device, info.provider)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("images and frames", total=None if dataset.videos else len(dataset.images))
            return info, await Detecting(client, lambda number: progress.advance(bar, number)).run(dataset)


def _point(
    settings: EvaluationSettings, matches: dict[str, Matches], found: Detections, value: float, stop: threading.Event
) -> Point:
    videos = [exposure(clip, **asdict(settings), stop=stop) for clip in found.clips]
    return Point(value, [one.at(settings.threshold) for one in matches.values()], videos, found.detect_seconds)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Compute in a thread, which ends soon after this is cancelled: or Ctrl-C would wait for minutes."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, *arguments, stop)
    finally:
        stop.set()


async def _sweep_sizes(
    console: Console, dataset: Dataset, settings: EvaluationSettings, endpoint: Endpoint, long_side: int
) -> list[Point]:
    points = []
    for index, size in enumerate(DETECT_SIZES):
        if index and DETECT_SIZES[index - 1] >= long_side:
            break
        _, found = await _detect(console, dataset, replace(endpoint, env=endpoint.env | {"DETECT_SIZE": str(size)}))
        matches = await _in_thread(scores.match, found.samples)
        points.append(await _in_thread(_point, settings, matches, found, size))
    return points


def _draw(path: Path, sweep: str, points: Sequence[Point], chosen: float | None) -> None:
    lines = {
        f"recall, {height} px": [one.recall for point in points for one in point.scores if one.height == height]
        for height in BANDS
        if height != "all"
    }
    lines["precision"] = [point.counted.precision for point in points]
    lines["exposed faces"] = [point.exposed_rate for point in points]
    label = "threshold" if sweep == "threshold" else "detection size in pixels"
    curves.draw(path, [point.value for point in points], lines, label=label, chosen=chosen)
