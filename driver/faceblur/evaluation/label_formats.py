"""Reads labelled faces: WIDER FACE's text, COCO's JSON, MOTChallenge's `gt.txt`, this project's sidecar.

Every reader raises UsageError, which names the file and the line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from faceblur.base.errors import SidecarError, UsageError
from faceblur.base.face_checks import MAX_COORDINATE
from faceblur.base.unreadable import why_unreadable
from faceblur.evaluation.labels import Label
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.redaction.sidecar_format import Identity

# x, y, w, h, blur, expression, illumination, invalid, occlusion, pose.
WIDER_COLUMNS, WIDER_INVALID = 10, 7
# frame, id, x, y, w, h, and more that may follow: the seventh is 0 for what is not to be counted.
MOT_MIN_COLUMNS, MOT_COUNTED = 6, 6
# What a sidecar lists that is no face.
NO_FACES = ("region", "rejected")


def read_wider(path: Path) -> dict[str, list[Label]]:
    """The images' names and faces: a line with the name, one with the number of faces, then one a face.

    Faces of the flag `invalid` are ignored. Where the number is 0, a line of zeros follows in the dataset's own files.
    """
    images: dict[str, list[Label]] = {}
    lines = list(_lines(path))
    index = 0
    while index < len(lines):
        number, name = lines[index]
        if name in images:
            raise _broken(path, number, f"{name} is there twice")
        if re.fullmatch(r"(-?[\d.]+ +){9}-?[\d.]+", name):
            raise _broken(path, number, "a face where the name of the next image should be")
        if index + 1 == len(lines):
            raise _broken(path, number, "the file ends where the number of faces should be")
        number, text = lines[index + 1]
        if not text.isdecimal():
            raise _broken(path, number, f"{text[:60]!r} is no number of faces")
        first, count = index + 2, int(text)
        rows = lines[first : first + count]
        images[name] = [_wider_face(path, *row) for row in rows]
        if len(rows) < count:
            raise _broken(path, lines[-1][0], f"the file ends after {len(rows)} of {count} faces")
        index = first + count
        if not count and index < len(lines) and lines[index][1].split() == ["0"] * WIDER_COLUMNS:
            index += 1
    return images


def _wider_face(path: Path, number: int, text: str) -> Label:
    values = _numbers(path, number, text.split())
    if len(values) != WIDER_COLUMNS:
        raise _broken(path, number, f"{len(values)} numbers where a face has {WIDER_COLUMNS}")
    return _label(path, f"line {number}", values[:4], values[WIDER_INVALID] == 1)


def read_coco(path: Path) -> dict[str, list[Label]]:
    """The images' names and faces: `images`, `annotations` with `bbox` x, y, width, height, and `categories`.

    With several categories only the one named `face` counts. Annotations with `iscrowd` or `ignore` are ignored.
    """
    try:
        content = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise _broken(path, error.lineno, f"not JSON: {error.msg}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {why_unreadable(error)}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    where = "the file"
    try:
        categories = {one["id"]: str(one["name"]).lower() for one in content["categories"]}
        wanted = set(categories) if len(categories) == 1 else {key for key in categories if categories[key] == "face"}
        if not wanted:
            raise UsageError(f"{path}: none of its {len(categories)} categories is named face")
        images: dict[str, list[Label]] = {}
        names: dict[Any, str] = {}
        for index, image in enumerate(content["images"]):
            where = f"image {index}"
            name = str(image["file_name"])
            if image["id"] in names or name in images:
                raise UsageError(f"{path}: {where}: {name} or its id {image['id']} is there twice")
            names[image["id"]], images[name] = name, []
        for index, one in enumerate(content["annotations"]):
            where = f"annotation {index}"
            if one["category_id"] in wanted:
                label = _label(path, where, one["bbox"], bool(one.get("iscrowd") or one.get("ignore")))
                images[names[one["image_id"]]].append(label)
        return images
    except KeyError as error:
        raise UsageError(f"{path}: {where}: {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise UsageError(f"{path}: {where} is not as in COCO's JSON: {error}") from error


def read_mot(path: Path) -> dict[int, list[Label]]:
    """Each frame's faces, by its number from 0 on: lines of `frame,id,x,y,width,height[,counted,…]`, frames from 1 on.

    Those whose seventh number is 0 are ignored, as in the challenge; what follows it is not read.
    """
    frames: dict[int, list[Label]] = {}
    for number, text in _lines(path):
        values = _numbers(path, number, text.split(","))
        if len(values) < MOT_MIN_COLUMNS or not values[0].is_integer() or values[0] < 1:
            raise _broken(path, number, "not of the form frame,id,x,y,width,height with frames from 1 on")
        ignored = len(values) > MOT_COUNTED and values[MOT_COUNTED] == 0
        frames.setdefault(int(values[0]) - 1, []).append(_label(path, f"line {number}", values[2:6], ignored))
    return frames


def read_sidecar(path: Path) -> tuple[Identity, dict[int, list[Label]]]:
    """Which video a sidecar belongs to, and each frame's faces by its number from 0 on, of its first video stream."""
    try:
        with SidecarReader(path) as reader:
            return reader.header.video, _first_stream(reader)
    except SidecarError as error:
        raise UsageError(str(error)) from error


def _first_stream(reader: SidecarReader) -> dict[int, list[Label]]:
    frames: dict[int, list[Label]] = {}
    stream = None
    for line in reader:
        stream = line.stream if stream is None else stream
        if line.stream == stream:
            frames[line.frame] = [Label(face.box) for face in line.faces if face.state not in NO_FACES]
    return frames


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, stripped, with their numbers from 1 on."""
    try:
        # A byte order mark is no part of the first name.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {why_unreadable(error)}") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.strip()


def _numbers(path: Path, number: int, texts: Sequence[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise _broken(path, number, f"{' '.join(texts)[:60]!r} where numbers should be") from None


def _label(path: Path, where: str, xywh: Sequence[float], ignored: bool) -> Label:
    x, y, width, height = xywh if len(xywh) == 4 else (math.nan,) * 4
    # A NaN is not equal to itself.
    if not all(isinstance(one, int | float) and one == one for one in (x, y, width, height)):
        raise UsageError(f"{path}: {where}: a box is four numbers")
    if max(abs(one) for one in (x, y, width, height)) > MAX_COORDINATE:  # a COCO's integer may be beyond all floats
        raise UsageError(f"{path}: {where}: a box beyond {MAX_COORDINATE:,.0f} pixels")
    if width < 0 or height < 0:
        raise UsageError(f"{path}: {where}: a box of {width:g}x{height:g} pixels")
    # WIDER FACE itself has boxes without an extent that are not marked as invalid.
    return Label((x, y, x + width, y + height), ignored or not width or not height)


def _broken(path: Path, number: int, reason: str) -> UsageError:
    return UsageError(f"{path}: line {number}: {reason}")
