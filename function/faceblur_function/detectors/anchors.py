"""RetinaFace's anchors, the decoding of its box and landmark offsets, non-maximum suppression and IoU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from faceblur_function.detectors.detector import Faces, Floats

# Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild" (2019), in the three-level layout that
# Pytorch_Retinaface and retinaface-pytorch train with: two square anchors a cell on strides 8, 16 and 32.
ANCHORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
NMS_IOU = 0.4
# A box is at most so many times its anchor, as an exponent: far beyond any frame. In bfloat16 some CPUs give offsets on
# frames of a few pixels at which the exponential is infinite.
MAX_SIZE_EXPONENT = 20.0


@lru_cache(maxsize=16)
def anchor_grid(size_wh: tuple[int, int]) -> Floats:
    """The anchors of an input of this size, in the network's output order: (N, 4) as centre x, y, width, height."""
    levels = []
    for stride, sides in ANCHORS:
        columns, rows = -(-size_wh[0] // stride), -(-size_wh[1] // stride)
        y, x, side = np.meshgrid(np.arange(rows), np.arange(columns), sides, indexing="ij")
        levels.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side, side], axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)


def decode_offsets(offsets: Floats, landmark_offsets: Floats, priors: Floats) -> tuple[Floats, Floats]:
    """Turn regression outputs (N, 4) and (N, 10) into boxes (N, 4) xyxy and landmarks (N, 5, 2), in input pixels.

    `priors` are the anchors (N, 4) that the outputs belong to.
    """
    centres = priors[:, :2] + offsets[:, :2] * CENTRE_VARIANCE * priors[:, 2:]
    half_sizes = priors[:, 2:] * np.exp(np.minimum(offsets[:, 2:] * SIZE_VARIANCE, MAX_SIZE_EXPONENT)) / 2
    boxes = np.concatenate([centres - half_sizes, centres + half_sizes], axis=1)
    landmarks = priors[:, None, :2] + landmark_offsets.reshape(-1, 5, 2) * CENTRE_VARIANCE * priors[:, None, 2:]
    return boxes, landmarks


def non_maximum_suppression(faces: Faces, size_wh: tuple[int, int], priority: Floats | None = None) -> Faces:
    """Of boxes that overlap by more than NMS_IOU keep the one with the highest priority (default: score).

    Boxes are clamped to the frame of size `size_wh`; the result is sorted, highest priority first.
    """
    if not len(faces):
        return faces
    xywh = np.concatenate([faces.xyxy[:, :2], faces.xyxy[:, 2:] - faces.xyxy[:, :2]], axis=1)
    order = faces.scores if priority is None else priority
    kept = np.asarray(cv2.dnn.NMSBoxes(xywh.tolist(), order.tolist(), 0.0, NMS_IOU), dtype=np.intp)
    limits = np.array([*size_wh, *size_wh], np.float32)
    return Faces(np.clip(faces.xyxy[kept], 0, limits), faces.scores[kept], faces.landmarks[kept])


def merged(parts: Sequence[Faces], size_wh: tuple[int, int], priority: Floats | None = None) -> Faces:
    """What several searches detected in one frame, after NMS; `priority` is in the order of the parts."""
    faces = Faces(
        np.concatenate([one.xyxy for one in parts]),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.landmarks for one in parts]),
    )
    return non_maximum_suppression(faces, size_wh, priority)


def iou_matrix(boxes: Floats, others: Floats) -> Floats:
    """The IoU `(N, M)` of boxes xyxy `(N, 4)` with others `(M, 4)`."""
    a, b = boxes[:, None], others[None]
    intersection = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(
        axis=-1
    )
    areas = [(one[..., 2:] - one[..., :2]).prod(axis=-1) for one in (a, b)]
    iou: Floats = intersection / np.maximum(areas[0] + areas[1] - intersection, 1e-6)
    return iou
