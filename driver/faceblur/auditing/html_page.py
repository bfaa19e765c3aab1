"""The report as one HTML page that needs no network: the findings, worst first, each with frames before and after."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.crops import square_around
from faceblur.auditing.finding_kinds import FINDINGS, WATCH, FindingKind
from faceblur.auditing.page_template import rendered
from faceblur.auditing.report import MAX_LISTED, AuditReport, Finding
from faceblur.auditing.sidecar_checks import LONG_GAP_SECONDS
from faceblur.auditing.steps import FramePair
from faceblur_function import images

TITLES: dict[FindingKind, str] = {
    "exposed": "A listed face that is still legible",
    "uncovered": "A face that was never masked",
    "unsearched": "Parts of the output that were not searched for faces",
    "location": "What tells where it was made, or with which device",
    "missing": "Frames of the source that are missing",
    "extra": "Frames that the source does not have",
    "order": "Another image than the source's",
    "time": "Another time than the source's",
    "rest": "Frames that were kept without a search",
    "spared": "A face that a person chose to leave visible",
    "rejected": "A doubtful face that was left visible: the second detector takes it for none",
    "candidate": "Perhaps a face that was never masked",
    "changed": "Changed where no face is listed",
    "damaged": "Damage of the source",
    "long_gap": f"Masked for {LONG_GAP_SECONDS} s or more without a detection",
    "short_track": "Detected in a few frames only",
    "low_score": "Detected with low scores only",
}
# At most this many findings are shown with images: a page of about 5 MB. The JSON lists more.
MAX_SHOWN = 60
CROP_SIDE, FRAME_WIDTH, JPEG_QUALITY = 240, 400, 80
# A crop shows the box, and this share of its size on each side of it.
AROUND = 0.6
LINE = (0, 190, 255)  # BGR


@dataclass(slots=True)
class ShownFinding:
    """A finding with its images, as data URIs; None where there is none."""

    finding: Finding
    images: dict[str, str | None] = field(default_factory=dict)


def html_page(report: AuditReport, frames: Mapping[int, Iterable[FramePair]]) -> bytes:
    """The page. `frames` are each stream's, by the source's index: they are read up to the last one that is shown."""
    chosen = [*report.findings, *report.watch][:MAX_SHOWN]
    shown = {id(finding): ShownFinding(finding) for finding in chosen}
    for stream, pairs in frames.items():
        _take_images(pairs, [one for one in shown.values() if one.finding.stream == stream])

    def group(kinds: Sequence[FindingKind]) -> list[tuple[str, int, list[ShownFinding]]]:
        return [
            (TITLES[kind], report.counts.get(kind, 0), [shown[id(one)] for one in chosen if one.kind == kind])
            for kind in kinds
        ]

    groups = [("Findings", group(FINDINGS)), ("Worth watching", group(WATCH))]
    return rendered(
        "page.html",
        report=report,
        groups=groups,
        findings=sum(report.counts.get(kind, 0) for kind in FINDINGS),
        max_listed=MAX_LISTED,
        left_out=sum(report.counts.values()) - len(chosen),
        names={name: Path(getattr(report, name)).name for name in ("source", "output", "sidecar")},
    )


def _take_images(pairs: Iterable[FramePair], shown: Iterable[ShownFinding]) -> None:
    """Encode the images of one stream's findings."""
    waiting: dict[tuple[str, int | None], list[ShownFinding]] = {}
    for one in shown:
        finding = one.finding
        if finding.kind in ("unsearched", "location"):
            continue  # of no frame
        if finding.kind != "extra":
            waiting.setdefault(("source", finding.frame), []).append(one)
        elif finding.output_frame is not None:  # else it is a complete stream
            waiting.setdefault(("extra", finding.output_frame), []).append(one)
    if not waiting:
        return
    for pair in pairs:
        step = pair.step
        for one in waiting.pop(("extra", step.output) if step.kind == "extra" else ("source", step.source), []):
            _add_images(one, pair)
        if not waiting:
            return


def _add_images(shown: ShownFinding, pair: FramePair) -> None:
    for name, frame in (("before", pair.source), ("after", pair.output)):
        image = None if frame is None else frame.upright()
        shown.images[name] = None if image is None else _full_frame(image, shown.finding.box)
        shown.images[f"{name}_crop"] = None if image is None else _crop(image, shown.finding.box)


def _full_frame(image: NDArray[np.uint8], box: Sequence[float] | None) -> str:
    scale = min(1.0, FRAME_WIDTH / image.shape[1])
    smaller: Any = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if box is not None:
        x1, y1, x2, y2 = (round(value * scale) for value in box)
        cv2.rectangle(smaller, (x1 - 2, y1 - 2), (x2 + 2, y2 + 2), LINE, 2)
    return _uri(smaller)


def _crop(image: NDArray[np.uint8], box: Sequence[float] | None) -> str | None:
    if box is None:
        return None
    square = square_around(image, box, AROUND)
    interpolation = cv2.INTER_AREA if square.shape[0] > CROP_SIDE else cv2.INTER_CUBIC
    scaled: Any = cv2.resize(square, (CROP_SIDE, CROP_SIDE), interpolation=interpolation)
    return _uri(scaled)


def _uri(image: NDArray[np.uint8]) -> str:
    content = images.encode_image(image, "jpeg", JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")
