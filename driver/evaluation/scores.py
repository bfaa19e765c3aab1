"""How good detections are: recall, precision and average precision (AP) at IoU 0.5, by the faces' height.

pycocotools pairs detections with labels and integrates the AP, as COCO defines it: the best score first, each face at
most once, over 101 recalls. What lies in an ignored label counts neither as found nor as false.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driver.errors import UsageError
from driver.evaluation.labels import Label
from driver.tracks import Found

IOU = 0.5
# Faces lower than this can't be told from each other, and no detector's anchor is smaller: they are listed, but neither
# `--min-recall` nor the count of exposed faces goes by them.
LEAST_HEIGHT = 16.0
COUNTED = f"{LEAST_HEIGHT:g} and more"
# By their labels' height in pixels: from the first on, up to but not including the second.
BANDS = {
    "all": (0.0, math.inf),
    COUNTED: (LEAST_HEIGHT, math.inf),
    "under 16": (0.0, 16.0),
    "16 to 32": (16.0, 32.0),
    "32 to 64": (32.0, 64.0),
    "64 and more": (64.0, math.inf),
}
CATEGORY = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or frame: its labels and everything that was found, in the same pixels."""

    labels: Sequence[Label]
    found: Sequence[Found]


@dataclass(frozen=True, slots=True)
class Score:
    """Detections from a threshold on against the labels of one band of heights.

    `recall` and `ap` are None without labelled faces, `precision` without detections.
    """

    height: str
    faces: int
    found: int
    false: int
    recall: float | None
    precision: float | None
    ap: float | None


@dataclass(frozen=True, slots=True)
class Matches:
    """One band: the number of labelled faces, its AP, the scores of the detections and which of them are right."""

    height: str
    faces: int
    ap: float | None
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]

    def at(self, threshold: float) -> Score:
        """The score of the detections from this threshold on."""
        shown = self.scores >= threshold
        found, total = int((shown & self.right).sum()), int(shown.sum())
        recall = found / self.faces if self.faces else None
        return Score(self.height, self.faces, found, total - found, recall, found / total if total else None, self.ap)


def match(samples: Sequence[Sample]) -> dict[str, Matches]:
    """Pair detections with labels, by band of heights. Raises UsageError without pycocotools."""
    evaluation = _evaluate(samples)
    precision = evaluation.eval["precision"]
    bands = {}
    for index, height in enumerate(BANDS):
        images = [one for one in evaluation.evalImgs if one and one["aRng"] == evaluation.params.areaRng[index]]
        faces = sum(int((one["gtIgnore"] == 0).sum()) for one in images)
        counted = [~one["dtIgnore"][0].astype(bool) for one in images]
        empty = [np.zeros(0)]
        scores = [np.asarray(one["dtScores"])[keep] for one, keep in zip(images, counted, strict=True)]
        right = [one["dtMatches"][0][keep] > 0 for one, keep in zip(images, counted, strict=True)]
        ap = float(precision[0, :, 0, index, 0].mean()) if faces else None
        bands[height] = Matches(
            height, faces, ap, np.concatenate(scores or empty), np.concatenate(right or empty).astype(bool)
        )
    return bands


def require_library() -> tuple[Any, Any]:
    """COCO and COCOeval of pycocotools. Raises UsageError where it is not installed."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise UsageError(f"evaluate needs pycocotools ({error}): pip install 'faceblur[evaluate]'") from error
    return COCO, COCOeval


def _evaluate(samples: Sequence[Sample]) -> Any:
    coco, coco_eval = require_library()
    images = [{"id": number} for number in range(1, len(samples) + 1)]
    labels, finds = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, sample in enumerate(samples, 1):
        for label in sample.labels:
            # In pycocotools iscrowd alone decides what is ignored; ids count from 1, for 0 means unmatched.
            labels.append(_annotation(number, label.box, id=len(labels) + 1, iscrowd=int(label.ignored)))
        for one in sample.found:
            finds.append(_annotation(number, one.box, id=len(finds) + 1, iscrowd=0, score=one.score))
    truth, result = coco(), coco()
    with redirect_stdout(io.StringIO()):
        for api, annotations in ((truth, labels), (result, finds)):
            api.dataset = {"images": images, "annotations": annotations, "categories": [{"id": CATEGORY}]}
            api.createIndex()
        evaluation = coco_eval(truth, result, "bbox")
        parameters = evaluation.params
        parameters.iouThrs = np.array([IOU])
        parameters.maxDets = [max(1, len(finds))]  # by default no more than 100 in an image
        # Both ends belong to a range of pycocotools.
        parameters.areaRng = [[first, math.nextafter(end, 0.0)] for first, end in BANDS.values()]
        parameters.areaRngLbl = list(BANDS)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _annotation(image: int, box: Sequence[float], **more: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    # The field by which pycocotools forms its ranges: here it holds the height.
    shape = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": y2 - y1}
    return {"image_id": image, "category_id": CATEGORY} | shape | more
