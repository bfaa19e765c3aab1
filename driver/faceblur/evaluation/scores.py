"""Scores detections against labels: recall, precision and average precision (AP) at IoU 0.5, by the faces' height.

faster-coco-eval pairs detections with labels and integrates the AP, as COCO defines it: the best score first, each face
at most once, over 101 recalls. Its figures are those of pycocotools, in a twelfth of the time, which matters for crowds
of a thousand faces.
A detection in an ignored label counts neither as found nor as false.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceblur.base.errors import UsageError
from faceblur.evaluation.height_bands import BANDS
from faceblur.evaluation.report import BandScore
from faceblur.evaluation.samples import Sample

IOU = 0.5
CATEGORY = 1


@dataclass(frozen=True, slots=True)
class BandMatches:
    """One band: the number of labelled faces, its AP, the scores of the detections and which of them are right."""

    height: str
    faces: int
    ap: float | None
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]

    def at(self, threshold: float) -> BandScore:
        """The score of the detections from this threshold on."""
        shown = self.scores >= threshold
        found, total = int((shown & self.right).sum()), int(shown.sum())
        recall = found / self.faces if self.faces else None
        precision = found / total if total else None
        return BandScore(self.height, self.faces, found, total - found, recall, precision, self.ap)


def match_labels(samples: Sequence[Sample], stop: threading.Event | None = None) -> dict[str, BandMatches]:
    """Pair detections with labels, by band of heights; `stop` ends it early.

    Raises UsageError without faster-coco-eval.
    """
    coco, coco_eval = require_library()
    labels, detections = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, sample in enumerate(samples, 1):
        for label in sample.labels:
            # In COCO's evaluation iscrowd is what is ignored; ids count from 1, for 0 means unmatched.
            labels.append(_annotation(number, label.box, id=len(labels) + 1, iscrowd=int(label.ignored)))
        for one in sample.detections:
            detections.append(_annotation(number, one.box, id=len(detections) + 1, iscrowd=0, score=one.score))
    shared = {"images": [{"id": number + 1} for number in range(len(samples))], "categories": [{"id": CATEGORY}]}
    truth, result = (coco(shared | {"annotations": annotations}) for annotations in (labels, detections))
    max_detections = max((len(sample.detections) for sample in samples), default=0)
    bands = {}
    for height in BANDS:
        if stop is not None and stop.is_set():
            break
        bands[height] = _match_band(height, coco_eval(truth, result, "bbox", extra_calc=True), max_detections)
    return bands


def _match_band(height: str, evaluation: Any, max_detections: int) -> BandMatches:
    first, end = BANDS[height]
    labels, detections = evaluation.cocoGt.anns, evaluation.cocoDt.anns
    parameters = evaluation.params
    parameters.iouThrs = np.array([IOU])
    parameters.maxDets = [max(1, max_detections)]  # in an image; by default no more than 100
    # Both ends belong to a range of COCO's.
    parameters.areaRng, parameters.areaRngLbl = [[first, math.nextafter(end, 0.0)]], [height]
    evaluation.evaluate()
    evaluation.accumulate()
    counted = {key for key, one in labels.items() if not one["iscrowd"] and first <= one["area"] < end}
    pairs: dict[int, int] = {}
    for pair in evaluation.eval["matched"]:
        detection, label = pair.split("_")
        pairs[int(detection)] = int(label)
    # A detection of something ignored counts as nothing, and so does a false one of another height.
    shown = [
        (one["score"], pairs.get(key) in counted)
        for key, one in detections.items()
        if (pairs[key] in counted if key in pairs else first <= one["area"] < end)
    ]
    ap = float(evaluation.eval["precision"].mean()) if counted else None
    scores, right = zip(*shown, strict=True) if shown else ((), ())
    return BandMatches(height, len(counted), ap, np.array(scores, float), np.array(right, bool))


def require_library() -> tuple[Any, Any]:
    """COCO and COCOeval of faster-coco-eval. Raises UsageError where it is not installed."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        way_out = f"{sys.executable} -m pip install faster-coco-eval"
        raise UsageError(f"evaluate needs faster-coco-eval ({error}): {way_out}") from error
    return COCO, COCOeval_faster


def _annotation(image: int, box: Sequence[float], **more: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    # By the field `area` COCO's evaluation forms its ranges: here it holds the height.
    shape = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": y2 - y1}
    return {"image_id": image, "category_id": CATEGORY} | shape | more
