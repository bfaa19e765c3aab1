"""The audit as one HTML page that needs no network: the moments, worst first, each with pictures before and after."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, PackageLoader, StrictUndefined

from faceblur.auditing.alignment import Alignment
from faceblur.auditing.moments import FINDINGS, MAX_LISTED, TITLES, WATCH, Finding, Report
from faceblur.auditing.pairs import BGR, Place, Twins, units
from faceblur_function import wire

# At most this many moments are shown with pictures: a page of about 5 MB. The JSON lists more.
MAX_SHOWN = 60
CROP_SIDE, WHOLE_WIDTH, JPEG_QUALITY = 240, 400, 80
# A crop shows the place, and this share of its size on each side of it.
AROUND = 0.6
LINE = (0, 190, 255)  # BGR


@dataclass(slots=True)
class Shown:
    """A moment with its pictures, as data URIs; None where there is none."""

    moment: Finding
    pictures: dict[str, str | None] = field(default_factory=dict)


def write_page(report: Report, place: Place, alignments: dict[Twins, Alignment]) -> bytes:
    """The page. Reads both videos again, up to the last frame that is shown."""
    chosen = [*report.findings, *report.watch][:MAX_SHOWN]
    shown = {id(moment): Shown(moment) for moment in chosen}
    for twins, alignment in alignments.items():
        _take_pictures(place, twins, alignment, [one for one in shown.values() if one.moment.stream == twins.source])
    environment = Environment(
        loader=PackageLoader("faceblur.auditing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def group(kinds: Sequence[str]) -> list[tuple[str, int, list[Shown]]]:
        return [
            (TITLES[kind], report.counts.get(kind, 0), [shown[id(one)] for one in chosen if one.kind == kind])
            for kind in kinds
        ]

    groups = [("Findings", group(FINDINGS)), ("Worth watching", group(WATCH))]
    text = environment.get_template("page.html").render(
        report=report,
        groups=groups,
        findings=sum(report.counts.get(kind, 0) for kind in FINDINGS),
        most_listed=MAX_LISTED,
        left_out=sum(report.counts.values()) - len(chosen),
        names={name: Path(getattr(report, name)).name for name in ("source", "output", "sidecar")},
    )
    return text.encode("utf-8", "replace")


def _take_pictures(place: Place, twins: Twins, alignment: Alignment, shown: Iterable[Shown]) -> None:
    waiting: dict[tuple[str, int | None], list[Shown]] = {}
    for one in shown:
        moment = one.moment
        if moment.kind == "extra" and moment.output_frame is None:
            continue  # a whole stream
        if moment.kind == "extra":
            waiting.setdefault(("extra", moment.output_frame), []).append(one)
        else:
            waiting.setdefault(("source", moment.frame), []).append(one)
    if not waiting:
        return
    for unit in units(place, twins, alignment):
        key: tuple[str, int | None] = (
            ("extra", unit.step.output) if unit.step.kind == "extra" else ("source", unit.step.source)
        )
        for one in waiting.pop(key, []):
            for name, frame in (("before", unit.source), ("after", unit.output)):
                picture = None if frame is None else frame.upright()
                one.pictures[name] = None if picture is None else _whole(picture, one.moment.box)
                one.pictures[f"{name}_crop"] = None if picture is None else _crop(picture, one.moment.box)
        if not waiting:
            return


def _whole(picture: BGR, box: Sequence[float] | None) -> str:
    scale = min(1.0, WHOLE_WIDTH / picture.shape[1])
    smaller: Any = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if box is not None:
        x1, y1, x2, y2 = (round(value * scale) for value in box)
        cv2.rectangle(smaller, (x1 - 2, y1 - 2), (x2 + 2, y2 + 2), LINE, 2)
    return _uri(smaller)


def _crop(picture: BGR, box: Sequence[float] | None) -> str | None:
    """A square around the box, as large as the picture allows."""
    if box is None:
        return None
    x1, y1, x2, y2 = box
    height, width = picture.shape[:2]
    side = min(height, width, max(8, round((1 + 2 * AROUND) * max(x2 - x1, y2 - y1))))
    left = max(0, min(width - side, round((x1 + x2 - side) / 2)))
    top = max(0, min(height - side, round((y1 + y2 - side) / 2)))
    square = picture[top : top + side, left : left + side]
    way = cv2.INTER_AREA if side > CROP_SIDE else cv2.INTER_CUBIC
    scaled: Any = cv2.resize(square, (CROP_SIDE, CROP_SIDE), interpolation=way)
    return _uri(scaled)


def _uri(picture: BGR) -> str:
    content = wire.encode_image(picture, "jpeg", JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")
