"""What every face detector shares: its interface, RetinaFace's anchors, box decoding and NMS.

Frames are `(H, W, 3) uint8 BGR`; boxes are float pixels `xyxy` of the frame as it was passed in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild" (2019), in the three-level layout that
# Pytorch_Retinaface and retinaface-pytorch train with: two square anchors a cell on strides 8, 16 and 32.
ANCHORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
NMS_IOU = 0.4
# A face far larger than the largest anchor is found in parts or not at all: above about 700 px the boxes of
# `astronaut` shrink. In frames of LARGE_FRAME px and more a second look at a small copy, whose longer side is
# COARSE_SIZE, finds those over LARGE_FACE px: as many as with 480 px, for half the time.
LARGE_FRAME = 960
COARSE_SIZE = 320
LARGE_FACE = 300
# A face that is at least SEEN_IN_COPY px in the copy is found there as well as at full size. One that scores less than
# SURE at full size, and in the copy not even FAINT, is hardly one: it counts for DOUBTED of its score. So do 3 of 2,432
# large faces of photographs, plain, dark, noisy, blurred and tilted, and most of the large false finds.
SEEN_IN_COPY = 32
SURE, FAINT, DOUBTED = 0.8, 0.05, 1 / 3


class DetectorError(Exception):
    """A detector cannot be loaded: its name, weights, device or a package is not usable. One line, says what to do."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one frame, best score first: boxes (N, 4) xyxy, scores (N,), landmarks (N, 5, 2) as x, y."""

    xyxy: Floats
    scores: Floats
    landmarks: Floats

    @classmethod
    def none(cls) -> Faces:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """A loaded face detector. `provider` names the library and backend that run it, `device` where it runs."""

    name: str
    device: str
    provider: str
    weights_sha256: str

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Find the faces that score at least `threshold` in each frame. Frames of one call may differ in size."""
        ...

    def status(self) -> dict[str, str | int | float]:
        """The precision, the batch size in force and, on a GPU, its name and memory: for people, in `GET /`."""
        ...


def load_detector(
    name: str, *, weights: str | None = None, device: str = "cpu", detect_size: int = 1920, threads: int = 0
) -> Detector:
    """Load a detector by name; `weights` is a file to use instead of the named download.

    `detect_size` is the long side in pixels above which frames are scaled down for detection; `threads` is the number
    of CPU threads, 0 for every core this process may use. Raises DetectorError.
    """
    # Imported here, so that a process loads only the runtime of the model it uses.
    if name == "retinaface-mobilenet0.25":
        from faceblur_function.detectors.retinaface_onnx import RetinaFaceOnnx

        return RetinaFaceOnnx(weights=weights, device=device, detect_size=detect_size, threads=threads)
    if name == "retinaface-resnet50":
        try:
            from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch
        except ImportError as error:
            raise DetectorError(
                f"{name} needs torch, torchvision and retinaface-pytorch ({error}): "
                "pip install 'torch>=2.4' 'torchvision>=0.19' && pip install --no-deps retinaface-pytorch"
            ) from error
        return RetinaFaceTorch(weights=weights, device=device, detect_size=detect_size, threads=threads)
    raise DetectorError(f"unknown model {name!r}: choose retinaface-mobilenet0.25 or retinaface-resnet50")


def fit(frame: Frame, long_side: int, interpolation: int = cv2.INTER_AREA) -> Frame:
    """Scale a frame down, keeping its aspect, so that its longer side is at most `long_side` pixels."""
    height, width = frame.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return frame
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size_wh, interpolation=interpolation)  # type: ignore[return-value]


def small_copy(frame: Frame, long_side: int) -> Frame:
    """The same for a small part of the size, in a fraction of the time: halved, which is fast, until little is left."""
    while max(frame.shape[:2]) >= 2 * long_side and min(frame.shape[:2]) > 1:
        half_wh = (frame.shape[1] // 2, frame.shape[0] // 2)
        frame = cv2.resize(frame, half_wh, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return fit(frame, long_side, cv2.INTER_LINEAR)


def group_by_size(images: Sequence[Frame]) -> dict[tuple[int, int], list[int]]:
    """The indices of the images of each size (width, height)."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        groups[image.shape[1], image.shape[0]].append(index)
    return groups


@lru_cache(maxsize=16)
def anchors(size_wh: tuple[int, int]) -> Floats:
    """The anchors of an input of this size, in the network's output order: (N, 4) as centre x, y, width, height."""
    levels = []
    for stride, sides in ANCHORS:
        columns, rows = -(-size_wh[0] // stride), -(-size_wh[1] // stride)
        y, x, side = np.meshgrid(np.arange(rows), np.arange(columns), sides, indexing="ij")
        levels.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side, side], axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)


def decode(offsets: Floats, landmark_offsets: Floats, priors: Floats) -> tuple[Floats, Floats]:
    """Turn regression outputs (N, 4) and (N, 10) into boxes (N, 4) xyxy and landmarks (N, 5, 2), in input pixels."""
    centres = priors[:, :2] + offsets[:, :2] * CENTRE_VARIANCE * priors[:, 2:]
    half_sizes = priors[:, 2:] * np.exp(offsets[:, 2:] * SIZE_VARIANCE) / 2
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


def overlaps(some: Floats, others: Floats) -> Floats:
    """The IoU `(N, M)` of boxes xyxy `(N, 4)` with others `(M, 4)`."""
    a, b = some[:, None], others[None]
    inner = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a, b)]
    iou: Floats = inner / np.maximum(areas[0] + areas[1] - inner, 1e-6)
    return iou


def detect_all_sizes(detector: Detector, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """Detect in each frame, and once more in a small copy of the large ones for faces that fill the picture."""
    found = detector.detect(frames, threshold=threshold)
    large = [index for index, frame in enumerate(frames) if max(frame.shape[:2]) >= LARGE_FRAME]
    copies = [small_copy(frames[index], COARSE_SIZE) for index in large]
    for index, copy, coarse in zip(
        large, copies, detector.detect(copies, threshold=min(threshold, FAINT)), strict=True
    ):
        height, width = frames[index].shape[:2]
        scale = np.array([width / copy.shape[1], height / copy.shape[0]], np.float32)
        xyxy = coarse.xyxy * np.tile(scale, 2)
        fine = found[index] = _doubted(found[index], xyxy, SEEN_IN_COPY * float(scale.max()), threshold)
        whole = ((xyxy[:, 2:] - xyxy[:, :2]).max(axis=1) >= LARGE_FACE) & (coarse.scores >= threshold)
        if not whole.any():
            continue
        # An unsure whole face is as sure as the parts of it that it stands for: else it would hide them.
        parts = np.where(overlaps(xyxy[whole], fine.xyxy) > NMS_IOU, fine.scores, 0).max(axis=1, initial=0)
        both = Faces(
            np.concatenate([fine.xyxy, xyxy[whole]]),
            np.concatenate([fine.scores, np.maximum(coarse.scores[whole], parts)]),
            np.concatenate([fine.landmarks, coarse.landmarks[whole] * scale]),
        )
        # The whole face goes before its parts, however sure the network is of a part.
        priority = both.scores + np.concatenate([np.zeros(len(fine)), np.ones(whole.sum())]).astype(np.float32)
        found[index] = non_maximum_suppression(both, (width, height), priority)
    return found


def _doubted(fine: Faces, seen: Floats, large: float, threshold: float) -> Faces:
    """The faces found at full size; large unsure ones that the small copy did not show have a part of their score."""
    unsure = (fine.scores < SURE) & ((fine.xyxy[:, 2:] - fine.xyxy[:, :2]).min(axis=1) >= large)
    alone = unsure & (overlaps(fine.xyxy, seen).max(axis=1, initial=0) <= NMS_IOU)
    scores = np.where(alone, fine.scores * np.float32(DOUBTED), fine.scores)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= threshold]
    return Faces(fine.xyxy[order], scores[order], fine.landmarks[order])
