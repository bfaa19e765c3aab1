"""The API's function that measures the detector: it blocks until the figures are computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from faceblur.base.blocking import run_blocking
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.evaluation import evaluate as evaluation
from faceblur.evaluation.progress import EvaluationProgress
from faceblur.evaluation.report import EvaluationReport, SweptSetting
from faceblur.jobs.arguments import Paths, endpoint, paths


def evaluate(
    datasets: Paths,
    *,
    images: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    function: Sequence[str] | Endpoint = (),
    min_recall: float | None = None,
    sweep: SweptSetting | None = None,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
) -> EvaluationReport:
    """Measure the detector on labelled faces: label files, or those in folders.

    `images` is the folder from which the names of labelled images start, None: beside the labels. Of `options` the
    threshold, the padding and `look_around` matter. `function` is as in `blur`. `min_recall` sets the report's gate,
    `sweep` varies the threshold or the function's DETECT_SIZE. Raises UsageError, MediaError or FunctionError.

    >>> faceblur.evaluate("labels", min_recall=0.9).gate.passed
    """
    chosen = options or Options()
    work = evaluation.evaluate(
        paths(datasets),
        endpoint=endpoint(function),
        images=None if images is None else Path(images),
        threshold=chosen.threshold,
        padding=chosen.padding,
        look_around=chosen.look_around,
        min_recall=min_recall,
        sweep=sweep,
        on_progress=on_progress,
    )
    return run_blocking(work)
