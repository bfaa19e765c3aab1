"""Detection of faces of every size: a pass at full size, and a second pass on a downscaled copy of large frames.

A face far larger than the largest anchor is detected in parts or not at all: above about 700 px the boxes of
`astronaut` shrink. The second pass detects such faces complete. It also verifies large faces of the first pass that
have no high score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceblur_function.detectors.anchors import NMS_IOU, iou_matrix, merged
from faceblur_function.detectors.closer_look import detect_closely
from faceblur_function.detectors.detector import Detector, Faces, Floats, Frame
from faceblur_function.detectors.scaling import small_copy
from faceblur_function.detectors.union import DetectorUnion, merged_faces

# Frames whose longer side has at least LARGE_FRAME px get a second pass on a copy whose longer side is COPY_SIZE. Of
# its faces those of at least LARGE_FACE px in the frame are taken: as many as with 480 px, in half the time.
LARGE_FRAME = 960
COPY_SIZE = 320
LARGE_FACE = 300
# A face that is at least VISIBLE_IN_COPY px in the copy is detected there as well as at full size. One that scores less
# than HIGH_SCORE at full size, and in the copy less than LOW_SCORE, is probably false: its score is multiplied by
# DOWN_WEIGHT. That holds for 3 of 2,432 large faces of photographs, plain, dark, noisy, blurred and tilted, and for
# most of the large false detections.
VISIBLE_IN_COPY = 32
HIGH_SCORE, LOW_SCORE, DOWN_WEIGHT = 0.8, 0.05, 1 / 3


def detect_all_sizes(detector: Detector, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """Detect in each frame `(H, W, 3) uint8 BGR`, and in a downscaled copy of the large ones.

    Returns each frame's faces that score at least `threshold`, in pixels of the frame.
    """
    if isinstance(detector, DetectorUnion):
        # Each verifies its own detections: low scores of one would confirm false detections of the other.
        return merged_faces(frames, [detect_all_sizes(one, frames, threshold=threshold) for one in detector.detectors])
    detected = detect_closely(detector, frames, threshold=threshold)
    large = [index for index, frame in enumerate(frames) if max(frame.shape[:2]) >= LARGE_FRAME]
    copies = [small_copy(frames[index], COPY_SIZE) for index in large]
    second = detector.detect(copies, threshold=min(threshold, LOW_SCORE))
    for index, copy, coarse in zip(large, copies, second, strict=True):
        height, width = frames[index].shape[:2]
        scale = np.array([width / copy.shape[1], height / copy.shape[0]], np.float32)
        coarse = Faces(coarse.xyxy * np.tile(scale, 2), coarse.scores, coarse.landmarks * scale)
        fine = _down_weighted(detected[index], coarse.xyxy, VISIBLE_IN_COPY * float(scale.max()), threshold)
        detected[index] = _merged(fine, coarse, (width, height), threshold)
    return detected


def _down_weighted(fine: Faces, coarse_xyxy: Floats, min_side: float, threshold: float) -> Faces:
    """The faces of the first pass that score at least `threshold` after down-weighting, best score first.

    Down-weighted are those without a high score, of at least `min_side` px, that the second pass did not detect.
    """
    low = (fine.scores < HIGH_SCORE) & ((fine.xyxy[:, 2:] - fine.xyxy[:, :2]).min(axis=1) >= min_side)
    unconfirmed = low & (iou_matrix(fine.xyxy, coarse_xyxy).max(axis=1, initial=0) <= NMS_IOU)
    scores = np.where(unconfirmed, fine.scores * np.float32(DOWN_WEIGHT), fine.scores)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= threshold]
    return Faces(fine.xyxy[order], scores[order], fine.landmarks[order])


def _merged(fine: Faces, coarse: Faces, size_wh: tuple[int, int], threshold: float) -> Faces:
    """The first pass's faces and the second pass's large ones, which replace their parts in the first."""
    large = ((coarse.xyxy[:, 2:] - coarse.xyxy[:, :2]).max(axis=1) >= LARGE_FACE) & (coarse.scores >= threshold)
    if not large.any():
        return fine
    # A large face gets the best score of the parts that it replaces. Else its low score would hide them.
    parts = np.where(iou_matrix(coarse.xyxy[large], fine.xyxy) > NMS_IOU, fine.scores, 0).max(axis=1, initial=0)
    whole = Faces(coarse.xyxy[large], np.maximum(coarse.scores[large], parts), coarse.landmarks[large])
    # The large face goes before its parts, however high a part's score is.
    return merged([fine, whole], size_wh, np.concatenate([fine.scores, whole.scores + np.float32(1)]))
