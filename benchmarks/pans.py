"""Clips in which every face is known in every frame: a virtual camera moves over photographs that are labelled once.

The labels come from detection on the photograph itself, by the MobileNet and by CenterFace, an independent model, at
several scales. They are carried along the camera's known motion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur_function.detectors.detector import Detector
from faceblur_function.detectors.scaling import fit

Image = NDArray[np.uint8]
Boxes = NDArray[np.float64]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LONG_SIDE, LARGEST_COPY = 2560, 4000
RATE = 25
# A label is a face on which both models agree, or that the second gives a high score.
HIGH_SCORE, PROBABLE, SAME_IOU = 0.65, 0.4, 0.4
# Faces of the crowd in pixels of its image, which is CROWD_WH large.
CROWD_HEIGHTS, CROWD_WH = (18, 72), (1920, 1280)


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image `(H, W, 3) uint8 BGR` and its faces `(N, 4)` xyxy."""

    name: str
    image: Image
    faces: Boxes


@dataclass(frozen=True, slots=True)
class Condition:
    """How the camera moves and what it sees.

    `view` is the share of the photograph's width that it shows, `swing` how often it swings over the rest in 5 seconds,
    `roll` the angle to which it tilts, in degrees; `shutter` the share of a frame's time for which it is exposed.
    """

    name: str
    view: float = 0.7
    swing: float = 1.0
    roll: float = 0.0
    shutter: float = 0.0
    noise: float = 0.0
    light: float = 1.0


CONDITIONS = {
    one.name: one
    for one in (
        Condition("plain"),
        Condition("blur", view=0.5, swing=2.0, shutter=0.5),
        Condition("noise", noise=14),
        Condition("dark", noise=4, light=0.22),
        Condition("roll", roll=25),
        Condition("small", view=1.0, swing=0.5),
    )
}


def photographs(folders: Sequence[Path]) -> Iterator[tuple[str, Image]]:
    """Every image in these folders, scaled down to at most LONG_SIDE."""
    for folder in folders:
        for path in sorted([folder] if folder.is_file() else folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and (image := cv2.imread(str(path))) is not None:
                yield path.stem, fit(image, LONG_SIDE)  # type: ignore[arg-type]


def label(image: Image, detector: Detector, second: Detector) -> Boxes:
    """The faces `(N, 4)` of a photograph, by the union of passes at several scales."""
    boxes, scores, sources = [np.zeros((0, 4))], [np.zeros(0)], [np.zeros(0)]
    for scale in (0.5, 1.0, 2.0):
        if scale > 1 and max(image.shape[:2]) * scale > LARGEST_COPY:
            continue
        copy = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else 1)
        for model, one in enumerate((detector, second)):
            (faces,) = one.detect([copy], threshold=PROBABLE)  # type: ignore[list-item]
            boxes.append(faces.xyxy.astype(float) / scale)
            scores.append(faces.scores.astype(float))
            sources.append(np.full(len(faces), model))
    all_boxes, all_scores, source = np.concatenate(boxes), np.concatenate(scores), np.concatenate(sources)
    kept: list[int] = []
    for index in np.argsort(-all_scores):
        same = iou(all_boxes[index], all_boxes) > SAME_IOU
        agreed = len(set(source[same])) > 1
        high = source[index] == 1 and all_scores[index] >= HIGH_SCORE
        if not same[kept].any() and (agreed or high):
            kept.append(int(index))
    return all_boxes[kept]


def iou(box: Boxes, others: Boxes) -> Boxes:
    """The IoU of one box with each of the others."""
    inner = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(inner / np.maximum((box[2:] - box[:2]).prod() + areas - inner, 1e-9))


def crowd(photos: Sequence[Photograph], seed: int = 1) -> Image:
    """A crowd of some hundred heads, row behind row, out of the labelled photographs' faces of 40 px and more.

    Heads are tilted, narrowed, dimmed, blurred and partly hidden at random, so that a detector misses some of them.
    """
    chance = np.random.default_rng(seed)
    heads = [(one.image, box) for one in photos for box in one.faces if box[3] - box[1] >= 40]
    width, height = CROWD_WH
    canvas = 0.6 * cv2.GaussianBlur(cv2.resize(photos[0].image, CROWD_WH), (0, 0), 25).astype(np.float32)
    y = 0.0
    while y < height:
        # Those in front are larger, as on a stand.
        row = CROWD_HEIGHTS[0] * (CROWD_HEIGHTS[1] / CROWD_HEIGHTS[0]) ** (y / height)
        x = chance.uniform(0, row)
        while x < width:
            image, box = heads[chance.integers(len(heads))]
            head = _head(image, box, row * chance.uniform(0.85, 1.15), chance)
            _paste(canvas, head, (int(x), int(y + chance.normal(0, 0.15) * row)))
            x += head.shape[1] * chance.uniform(0.75, 1.0)
        y += 1.75 * row
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _head(image: Image, box: Boxes, face_height: float, chance: np.random.Generator) -> NDArray[np.float32]:
    """One head, cut out, with a face of this height."""
    face_wh = box[2:] - box[:2]
    scale = face_height / face_wh[1]
    small = fit(image, round(max(image.shape[:2]) * min(1, 2 * scale)))
    width, height = (round(factor * side * scale) for factor, side in zip((1.9, 2.1), face_wh, strict=True))
    tilt, narrow = math.radians(chance.normal(0, 12)), chance.uniform(0.7, 1.05)
    turn = scale * np.array([[math.cos(tilt) * narrow, -math.sin(tilt)], [math.sin(tilt) * narrow, math.cos(tilt)]])
    middle = np.array([0.5 * width, 0.48 * height])
    shift = middle - turn @ ((box[:2] + box[2:]) / 2)
    matrix = np.hstack([turn * image.shape[1] / small.shape[1], shift[:, None]])
    head = cv2.warpAffine(small, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    if chance.random() < 0.25:  # a hand, a mask, the next one's hair over the lower part
        top = round(float(middle[1] + face_height * chance.uniform(0.05, 0.3)))
        head[top : top + round(face_height / 2)] = chance.uniform(20, 200, 3)
    head *= chance.uniform(0.2, 1.1)
    head += (head.mean() - head) * chance.uniform(0, 0.4)
    if chance.random() < 0.5:
        head = cv2.GaussianBlur(head, (0, 0), chance.uniform(0.4, 1.4) * face_height / 32)  # type: ignore[assignment]
    return head


def _paste(canvas: NDArray[np.float32], head: NDArray[np.float32], at: tuple[int, int]) -> None:
    """Lay a head on the canvas, fading at its sides."""
    height, width = head.shape[:2]
    down, across = np.arange(height) / height, np.arange(width) / width
    fade = np.clip(np.minimum(across, 1 - across)[None, :] * 8, 0, 1) * np.clip(down[:, None] * 8, 0, 1)
    fade = fade * np.clip((1 - down)[:, None] * 8, 0, 1)
    y1, x1 = max(0, at[1]), max(0, at[0])
    y2, x2 = min(canvas.shape[0], at[1] + height), min(canvas.shape[1], at[0] + width)
    if y2 <= y1 or x2 <= x1:
        return
    inside = (slice(y1 - at[1], y2 - at[1]), slice(x1 - at[0], x2 - at[0]))
    share = fade[inside][:, :, None].astype(np.float32)
    canvas[y1:y2, x1:x2] += (head[inside] - canvas[y1:y2, x1:x2]) * share


def camera(image: Image, size_wh: tuple[int, int], condition: Condition, seconds: float) -> NDArray[np.float64]:
    """The matrix `(2, 3)` from the image to the view at a time: it swings in two directions and zooms."""
    width, height = size_wh
    phase = 2 * math.pi * seconds / 5 * condition.swing
    fits = min(image.shape[1] / width, image.shape[0] / height)
    scale = 1 / (fits * condition.view * (1 + 0.08 * math.cos(phase)))
    free = np.maximum(np.array([image.shape[1], image.shape[0]]) - np.array(size_wh) / scale, 0)
    centre = np.array([image.shape[1], image.shape[0]]) / 2
    centre = centre + 0.8 * free / 2 * np.array([math.sin(phase), math.cos(2 * phase)])
    roll = math.radians(condition.roll * math.sin(2 * phase))
    turn = scale * np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    return np.hstack([turn, (np.array(size_wh) / 2 - turn @ centre)[:, None]])


def view(photo: Photograph, size_wh: tuple[int, int], condition: Condition, index: int) -> Image:
    """What the camera sees in one frame."""
    times = [index / RATE]
    if condition.shutter:
        times = [(index + condition.shutter * (part / 8 - 0.5)) / RATE for part in range(9)]
    image = np.zeros((size_wh[1], size_wh[0], 3), np.float32)
    for time in times:
        matrix = camera(photo.image, size_wh, condition, time)
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        source = photo.image
        if scale < 0.7:  # a warp alone would alias
            source = cv2.GaussianBlur(source, (0, 0), 0.4 / scale)  # type: ignore[assignment]
        image += cv2.warpAffine(source, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    image *= condition.light / len(times)
    if condition.noise:
        image += np.random.default_rng(index).normal(0, condition.noise, image.shape).astype(np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def faces_in_view(photo: Photograph, size_wh: tuple[int, int], condition: Condition, index: int) -> Boxes:
    """Where the photograph's faces lie in a frame, `(N, 4)`, also outside of it; a roll moves a box, upright."""
    matrix = camera(photo.image, size_wh, condition, index / RATE)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    centres = (photo.faces[:, :2] + photo.faces[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (photo.faces[:, 2:] - photo.faces[:, :2]) / 2 * scale
    return np.concatenate([centres - half, centres + half], axis=1)
