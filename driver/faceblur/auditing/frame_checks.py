"""Checks one pair of frames: are its listed faces masked, is the rest unchanged, what did the second pass detect?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.changed_areas import changed_areas, unmasked
from faceblur.auditing.frame_alignment import GrayImage, SmallFrame, gray_image, small_frame
from faceblur.auditing.legibility import LEGIBLE_KEPT, Legibility, measure_legibility
from faceblur.auditing.merged_detections import ONE_FACE, MergedDetection, iou
from faceblur.auditing.observations import Observation
from faceblur.redaction.listed_masks import listed_regions
from faceblur.redaction.sidecar_format import FrameLine, SettingsUsed
from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import Region
from faceblur_function.styles import redact

# A region is compared without its soft edge.
WITHIN = 0.9
# What is detected in the output alone is often a masked head with what is around it: it must keep this share of its
# detail to count.
MOSTLY = 0.8
# More changed areas than this, or this share of the frame, are reported as one.
MAX_AREAS, MAX_SHARE = 6, 0.25


@dataclass(slots=True)
class FrameChecks:
    """The results for one pair of frames.

    `small` are the small frames of source and output, `gray` their gray images, `masked` the masks of the sidecar.
    `detections` holds each one of the second pass, and an observation where the output still shows a face there.
    """

    small: tuple[SmallFrame, SmallFrame]
    gray: tuple[GrayImage, GrayImage]
    masked: list[Region]
    exposed: list[Observation] = field(default_factory=list)
    changed: list[Observation] = field(default_factory=list)
    spared: list[Observation] = field(default_factory=list)
    detections: list[tuple[MergedDetection, Observation | None]] = field(default_factory=list)
    psnr: float | None = None
    most_kept: float = 0.0


def check_frames(
    line: FrameLine,
    seconds: tuple[float, float],
    frames: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    settings: SettingsUsed,
) -> FrameChecks:
    """Compare a pair of frames in the regions of the sidecar's line, and outside them.

    `seconds` and `frames` are those of source and output; the frames are `(H, W, 3) uint8 BGR`, upright.
    """
    source, output = (gray_image(frame) for frame in frames)
    masked = listed_regions(line.faces, settings.padding)
    clear = unmasked(masked, source.shape[1::-1])
    small = small_frame(source, seconds[0], clear), small_frame(output, seconds[1])
    checks = FrameChecks(small, (source, output), masked)
    for face in line.faces:
        if face.state == "spared":
            text = "spared by a person's choice: this face stays visible"
            checks.spared.append(Observation(line.frame, seconds[0], 1.0, text, face.box, face.score, track=face.track))
            continue
        reach = WITHIN * (0.5 + face.padding(settings.padding))
        left = measure_legibility(source, output, face.box, reach)
        if left is None:
            continue
        if left.legible and not _as_redacted(source, masked, settings.style, face.box, reach, left):
            text = f"{left.kept:.0%} of its detail is left"
            checks.exposed.append(
                Observation(line.frame, seconds[0], left.kept, text, face.box, face.score, left.kept, face.track)
            )
        else:
            checks.most_kept = max(checks.most_kept, left.left)
    areas, checks.psnr = changed_areas(source, output, clear)
    checks.changed = _changed(areas, line, seconds[0], source.size)
    return checks


def check_detections(
    checks: FrameChecks, line: FrameLine, seconds: float, detections: Sequence[MergedDetection]
) -> None:
    """Add the second pass's detections, with an observation where the face is still legible in the output."""
    for detection in detections:
        left = measure_legibility(*checks.gray, detection.box)
        observation = None
        known = any(one.box is not None and iou(one.box, detection.box) >= ONE_FACE / 2 for one in checks.exposed)
        counts = left is not None and left.legible and (bool(detection.source_scores) or left.kept >= MOSTLY)
        if left is not None and counts and not known and not _is_spared(detection.box, line):
            where = "partly masked" if _is_masked(detection.box, checks.masked) else "not masked"
            text = f"detected with score {detection.score:.2f}, {where}: {left.kept:.0%} of its detail is left"
            severity = detection.score * left.kept
            observation = Observation(line.frame, seconds, severity, text, detection.box, detection.score, left.kept)
        checks.detections.append((detection, observation))


def _as_redacted(
    source: GrayImage, masked: Sequence[Region], style: str, box: Sequence[float], reach: float, left: Legibility
) -> bool:
    """Whether the mask itself leaves as much: it hardly changes what is out of focus in the source."""
    redacted = source.astype(np.uint8)
    redact(redacted, masked, style)
    expected = measure_legibility(source, redacted.astype(np.float32), box, reach)
    return expected is not None and left.kept < expected.kept + LEGIBLE_KEPT


def _changed(boxes: list[Box], line: FrameLine, seconds: float, pixels: int) -> list[Observation]:
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes]
    share = sum(areas) / pixels
    if len(boxes) > MAX_AREAS or share > MAX_SHARE:
        return [Observation(line.frame, seconds, share, "the frame differs in many areas")]
    text = "differs from the source, and no face is listed here"
    return [Observation(line.frame, seconds, area / pixels, text, box) for area, box in zip(areas, boxes, strict=True)]


def _is_masked(box: Box, masked: Sequence[Region]) -> bool:
    """Whether a mask reaches the centre of a box."""
    return any(one.contains((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for one in masked)


def _is_spared(box: Box, line: FrameLine) -> bool:
    """Whether a box is of a face that the line lists as spared."""
    return any(face.state == "spared" and iou(face.box, box) >= ONE_FACE for face in line.faces)
