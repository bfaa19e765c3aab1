"""Measures the detector on labelled datasets, at given settings and over a sweep of one of them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from faceblur.base.errors import UsageError
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.detection.connect import connect
from faceblur.detection.endpoint import Endpoint
from faceblur.evaluation import scores
from faceblur.evaluation.datasets import find_dataset
from faceblur.evaluation.detections import DatasetDetections, DatasetDetector
from faceblur.evaluation.exposure import exposure
from faceblur.evaluation.height_bands import COUNTED
from faceblur.evaluation.labels import Dataset
from faceblur.evaluation.progress import EvaluationProgress
from faceblur.evaluation.report import (
    EvaluatedFunction,
    EvaluationReport,
    EvaluationSettings,
    RecallGate,
    SettingFigures,
    SweptSetting,
)
from faceblur.evaluation.scores import BandMatches
from faceblur.evaluation.simulated_run import masked_boxes
from faceblur.redaction.threads import codec_threads
from faceblur_function import wire

log = logging.getLogger("faceblur")
T = TypeVar("T")
DEFAULTS = Options()
THRESHOLDS = [round(0.05 * step, 2) for step in range(1, 20)]
# Sizes above the largest image's are left out: it is not scaled down at any of them.
DETECT_SIZES = [480, 640, 960, 1280, 1600, 1920, 2560, 3840]


async def evaluate(
    datasets: Sequence[Path],
    *,
    endpoint: Endpoint,
    images: Path | None = None,
    threshold: float = DEFAULTS.threshold,
    padding: float = DEFAULTS.padding,
    look_around: float = DEFAULTS.look_around,
    min_recall: float | None = None,
    sweep: SweptSetting | None = None,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
    on_figures: Callable[[SettingFigures], None] | None = None,
) -> EvaluationReport:
    """Measure the function on label files, or on those in folders. May be cancelled.

    `images` is the folder from which the names of labelled images start, None for beside the labels. `threshold`,
    `padding` and `look_around` are as in `faceblur.base.options.Options`. `min_recall` sets the gate of the report.
    `sweep` varies the threshold, or the function's DETECT_SIZE, which restarts the function on this machine each time.
    `on_progress` and `on_figures` are called in the event loop's thread; the latter with the figures at the given
    settings, before the sweep begins. Raises UsageError, MediaError or FunctionError.
    """
    scores.require_library()
    if sweep == "detect-size" and endpoint.urls:
        raise UsageError("--sweep detect-size restarts the function on this machine: not together with --function")
    dataset = await asyncio.to_thread(find_dataset, datasets, images)
    settings = EvaluationSettings(threshold, padding, look_around)
    evaluation = _Evaluation(dataset, settings, endpoint, on_progress or (lambda _: None))
    return await evaluation.run(min_recall, sweep, on_figures or (lambda _: None))


class _Evaluation:
    """One dataset at some settings."""

    def __init__(
        self,
        dataset: Dataset,
        settings: EvaluationSettings,
        endpoint: Endpoint,
        on_progress: Callable[[EvaluationProgress], None],
    ) -> None:
        self._dataset, self._settings, self._endpoint = dataset, settings, endpoint
        self._report_progress = on_progress

    async def run(
        self, min_recall: float | None, sweep: SweptSetting | None, on_figures: Callable[[SettingFigures], None]
    ) -> EvaluationReport:
        """Detect, score, and sweep."""
        swept: list[SettingFigures] = []
        async with self._searched(self._endpoint) as searched:
            figures = await searched.figures(self._settings, self._settings.threshold)
            recall = figures.counted.recall
            if min_recall is not None and recall is None:
                raise UsageError(f"--min-recall: no face of {COUNTED} pixels is labelled")
            on_figures(figures)
            if sweep == "threshold":
                swept = [await searched.figures(replace(self._settings, threshold=one), one) for one in THRESHOLDS]
        if sweep == "detect-size":
            swept = await self._sweep_sizes(searched.detections.long_side)
        passed = None if min_recall is None else recall is not None and recall >= min_recall
        info = searched.info
        return EvaluationReport(
            function=EvaluatedFunction(info.model, info.device, info.weights_sha256),
            settings=self._settings,
            dataset=self._dataset.counts(),
            scores=figures.scores,
            videos=figures.videos,
            sweep=swept,
            gate=RecallGate(min_recall, COUNTED, recall, passed),
        )

    @asynccontextmanager
    async def _searched(self, endpoint: Endpoint, *, again: bool = False) -> AsyncIterator[_SearchedDataset]:
        """The dataset, searched by a function that is there until the context ends."""
        progress = EvaluationProgress("detect", 0, None if self._dataset.videos else len(self._dataset.images))

        def advance(number: int) -> None:
            nonlocal progress
            progress = replace(progress, done=progress.done + number)
            self._report_progress(progress)

        async with connect(endpoint, again=again) as (client, info):
            log.info("function: %s on %s (%s)", info.model, info.device, info.provider)
            self._report_progress(progress)
            detections = await DatasetDetector(client, advance).run(self._dataset)
            self._report_progress(EvaluationProgress("score"))
            matches = await _in_thread(scores.match_labels, detections.samples)
            yield _SearchedDataset(client, info, detections, matches)

    async def _sweep_sizes(self, long_side: int) -> list[SettingFigures]:
        """The figures at each detection size, up to the first one at which no image is scaled down."""
        swept = []
        for index, size in enumerate(DETECT_SIZES):
            if index and DETECT_SIZES[index - 1] >= long_side:
                break
            endpoint = replace(self._endpoint, env=self._endpoint.env | {"DETECT_SIZE": str(size)})
            async with self._searched(endpoint, again=True) as searched:
                swept.append(await searched.figures(self._settings, size))
        return swept


@dataclass(frozen=True, slots=True)
class _SearchedDataset:
    """What a function detected in the dataset, with the function itself: it verifies what is doubtful."""

    client: FunctionClient
    info: wire.Info
    detections: DatasetDetections
    matches: dict[str, BandMatches]

    async def figures(self, settings: EvaluationSettings, value: float) -> SettingFigures:
        """The figures at some settings; `value` is what a sweep varies."""
        options, videos = Options(**asdict(settings)), []
        with ThreadPoolExecutor(codec_threads(), "codec") as codecs:
            for video in self.detections.videos:
                masks = await masked_boxes(video, options, self.client, codecs)
                videos.append(await _in_thread(exposure, video, masks, settings.padding))
        bands = [one.at(settings.threshold) for one in self.matches.values()]
        return SettingFigures(value, bands, videos, self.detections.detect_seconds)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Compute in a thread, which ends soon after this is cancelled: or Ctrl-C would wait for minutes."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, *arguments, stop)
    finally:
        stop.set()
