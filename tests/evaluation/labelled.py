"""Labels in every format, and images with real faces that they belong to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from click.testing import CliRunner, Result

from examples.sample_clip import Image
from faceblur.cli.app import main
from faceblur.tracking.boxes import Box

Faces = dict[str, list[tuple[Box, bool]]]  # by image; the flag marks the ignored ones
Labelled = tuple[Path, Faces]
# The astronaut's face with some surroundings, and where the face is in this crop.
CROP, IN_CROP = (slice(20, 230), slice(125, 330)), (53, 37, 148, 157)
WIDER_BEGIN = "a/b.jpg\n2\n1 2 30 40 0 0 0 0 0 0\n5 6 70 80 1 0 0 1 2 0\n"
ANNOTATION = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}
FRAMES = 24


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *[str(argument) for argument in arguments]])


def paste(face: Image, canvas: Image, height: float, left: int, top: int) -> Box:
    """Put a real face, `height` pixels high, into a canvas; its box."""
    scale = height / (IN_CROP[3] - IN_CROP[1])
    crop = cv2.resize(face[CROP], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    x1, y1, x2, y2 = (side * scale for side in IN_CROP)
    return left + x1, top + y1, left + x2, top + y2


def blank(width: int = 640, height: int = 400) -> Image:
    return np.full((height, width, 3), 110, np.uint8)


def xywh(box: Box) -> list[int]:
    return [round(box[0]), round(box[1]), round(box[2] - box[0]), round(box[3] - box[1])]


def wider(images: Faces) -> str:
    text = ""
    for name, faces in images.items():
        rows = [f"{' '.join(map(str, xywh(box)))} 0 0 0 {int(ignored)} 0 0 \n" for box, ignored in faces]
        text += f"{name}\n{len(faces)}\n" + ("".join(rows) or "0 0 0 0 0 0 0 0 0 0 \n")
    return text


def coco(images: Faces) -> str:
    annotations = [
        {"image_id": 10 + index, "category_id": 3, "bbox": xywh(box), "iscrowd": int(ignored)}
        for index, faces in enumerate(images.values())
        for box, ignored in faces
    ]
    listed = [{"id": 10 + index, "file_name": name} for index, name in enumerate(images)]
    return json.dumps(
        {
            "images": listed,
            "annotations": annotations,
            "categories": [{"id": 3, "name": "face"}, {"id": 4, "name": "dog"}],
        }
    )


def coco_with(**changes: Any) -> str:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [ANNOTATION],
        "categories": [{"id": 1, "name": "Face"}, {"id": 2, "name": "person"}],
    }
    return json.dumps(content | changes)


def mot(boxes: Sequence[Box]) -> str:
    rows = [f"{number},1,{','.join(map(str, xywh(box)))},1,1,1\n" for number, box in enumerate(boxes, 1)]
    return "".join(rows)
