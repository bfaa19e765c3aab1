"""Checks one pair of frames: are its listed faces masked, is the rest unchanged, what did the second pass detect?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from faceblur.auditing.changed_areas import changed_areas, unmasked
from faceblur.auditing.checked_frame import FrameChecks
from faceblur.auditing.colour_planes import ColourPlanes, colours_left
from faceblur.auditing.frame_alignment import GrayImage, SmallFrame, gray_image, small_frame
from faceblur.auditing.legibility import LEGIBLE_KEPT, Legibility, measure_legibility
from faceblur.auditing.masked_share import is_masked, masked_share
from faceblur.auditing.merged_detections import ONE_FACE, MergedDetection
from faceblur.auditing.observations import Observation
from faceblur.auditing.steps import FramePair, PairImages
from faceblur.redaction.listed_masks import listed_regions
from faceblur.redaction.sidecar_format import FrameLine, SettingsUsed, SidecarFace
from faceblur.tracking.boxes import Box, iou
from faceblur_function.mask_shapes import Region, regions
from faceblur_function.styles import redact

# A region is compared without its soft edge.
WITHIN = 0.9
# A listed face that is still legible counts when this share of it lies within the frame: of less the mask's soft edge
# may be all that is seen. Of smaller ones than MIN_HEIGHT this share must be left, by both measures: of 112 faces of 9
# to 15 px without a mask 0.7 and more is, up to CRF 30. Of fewer rows or columns than MIN_SIDE the soft edge and the
# codec leave as much.
SHARE_IN_FRAME, MOSTLY, MIN_HEIGHT, MIN_SIDE = 0.5, 0.5, 16.0, 8.0
# By how much more must be left of a face of less than SMALL_HEIGHT than what its mask leaves: the codec's noise is 0.11
# and 0.14 of two masks of 17 and 19 px in real outputs. All of 128 faces of 16 to 22 px exceed it under a mask that is
# shifted by half a face, at CRF 18 and 30.
SMALL_HEIGHT, MORE_OF_SMALL = 24.0, 0.15
# Where less than MOSTLY of such a face is left, that has this share of its contrast in the source: the part that a
# mask leaves out has all of it. What three masks of 16 and 17 px kept by chance, in 31 real outputs, had 0.22 to 0.46.
# Of 2,600 such faces under masks that are shifted by half a face and more, 0.1 % at CRF 18 and 3 % at CRF 30 have less.
MIN_CONTRAST = 0.5
# More changed areas than this, or this share of the frame, are reported as one.
MAX_AREAS, MAX_SHARE = 6, 0.25


def check_frames(pair: FramePair, images: PairImages, settings: SettingsUsed) -> FrameChecks | None:
    """Compare a pair of frames in the regions of the sidecar's line, and outside them.

    None where it is a single frame.
    """
    source, output = images.source_gray, images.output_gray
    if source is None or output is None or pair.line is None:
        return None
    line, seconds = pair.line, (pair.source_seconds, pair.output_seconds)
    masked = listed_regions(line.faces, settings.padding)
    clear = unmasked(masked, source.shape[1::-1])
    small = small_frame(source, seconds[0], clear), small_frame(output, seconds[1])
    checks = FrameChecks(small, [(source, output), *_alpha_planes(images)], masked)
    for face in line.faces:
        if face.state == "spared":
            text = "spared by a person's choice: this face stays visible"
            checks.spared.append(Observation(line.frame, seconds[0], 1.0, text, face.box, face.score, track=face.track))
        elif face.state == "rejected":
            text = f"not masked: the second detector gives it a score of {face.second_score or 0.0:.2f}"
            severity = face.score or 0.0
            one = Observation(line.frame, seconds[0], severity, text, face.box, face.score, track=face.track)
            checks.rejected.append(one)
        else:
            _check_face(checks, face, line.frame, seconds[0], settings, images.colours)
    areas, checks.psnr = changed_areas(source, output, clear)
    checks.changed = _changed(areas, line, seconds[0], source.size)
    return checks


def _alpha_planes(images: PairImages) -> list[tuple[GrayImage, GrayImage]]:
    """The alpha planes of both, where the source's shows anything; an output without one shows nothing there."""
    alpha, other = images.source_alpha, images.output_alpha
    if alpha is None:
        return []
    return [(gray_image(alpha), np.full(alpha.shape[:2], 255, np.uint8) if other is None else gray_image(other))]


def _check_face(
    checks: FrameChecks,
    face: SidecarFace,
    frame: int,
    seconds: float,
    settings: SettingsUsed,
    colours: tuple[ColourPlanes, ColourPlanes] | None,
) -> None:
    """Add what is left of a listed face."""
    reach = WITHIN * (0.5 + face.padding(settings.padding))
    found, size_wh = list[tuple[Legibility, str]](), checks.planes[0][0].shape[1::-1]
    for source, output in checks.planes:
        left = measure_legibility(source, output, face.box, reach)
        if left is None:
            continue
        if left.legible and not _as_redacted(source, checks.masked, settings.style, face.box, reach, left):
            found.append((left, "its detail"))
        else:
            checks.most_kept = max(checks.most_kept, left.left)
    if colours is not None and not found:
        left = colours_left(*colours, face.box, reach, checks.masked, settings.style)
        if left is not None:
            found.append((left, "the detail of its colours"))
    for left, what in found:
        text = f"{left.kept:.0%} of {what} is left"
        one = Observation(frame, seconds, left.kept, text, face.box, face.score, left.kept, face.track)
        (checks.exposed if _counts(face.box, left, size_wh) else checks.hardly).append(one)


def _most_left(checks: FrameChecks, box: Box) -> Legibility | None:
    """What is left of a box where most is."""
    found = [left for plane in checks.planes if (left := measure_legibility(*plane, box)) is not None]
    return max(found, key=lambda left: (left.legible, left.left), default=None)


def single_frames(pair: FramePair, images: PairImages, padding: float) -> tuple[SmallFrame | None, SmallFrame | None]:
    """The small frames of source and output where one of them is missing."""
    source, output = images.source_gray, images.output_gray
    clear = None
    if source is not None and pair.line is not None:
        masked = listed_regions(pair.line.faces, padding)
        clear = unmasked(masked, source.shape[1::-1])
    return (
        None if source is None else small_frame(source, pair.source_seconds, clear),
        None if output is None else small_frame(output, pair.output_seconds),
    )


def check_detections(
    checks: FrameChecks,
    line: FrameLine,
    seconds: float,
    detections: Sequence[MergedDetection],
    removed: Sequence[SidecarFace] = (),
    padding: float = 0.0,
) -> None:
    """Add what the looks detected, with an observation where it is not masked and still legible in the output.

    It has the track that would mask it, if it is one of those that edits `removed`; `padding` is that of the faces.

    The listed faces that are masked count as detected, too: what is seen of a face where it is masked tells that it is
    one where it is not.
    """
    for detection in detections:
        if is_masked(detection.box, checks.masked) or _is_spared(detection.box, line):
            checks.detections.append((detection, None))
            continue
        left = _most_left(checks, detection.box)
        known = any(one.box is not None and iou(one.box, detection.box) >= ONE_FACE / 2 for one in checks.exposed)
        observation = None
        if left is not None and left.legible and not known:
            where = "partly masked" if masked_share(detection.box, checks.masked) > 0 else "not masked"
            text = f"detected with score {detection.score:.2f}, {where}: {left.kept:.0%} of its detail is left"
            severity = detection.score * left.kept
            what = detection.box, detection.score, left.kept, _masking(detection.box, removed, padding)
            observation = Observation(line.frame, seconds, severity, text, *what)
        checks.detections.append((detection, observation))
    for face in line.faces:
        if face.state == "detected" and face.score is not None:
            _add_listed(checks, MergedDetection(face.box, face.score, [(0, face.score, False)]))


def _masking(box: Box, faces: Sequence[SidecarFace], padding: float) -> int | None:
    """The track of the first face whose mask would hide a box."""
    return next((face.track for face in faces if is_masked(box, regions([face.box], padding))), None)


def _add_listed(checks: FrameChecks, listed: MergedDetection) -> None:
    """Add a listed face: where it was detected again the two are one, or they would be followed as two."""
    for index, (detection, observation) in enumerate(checks.detections):
        if observation is None and iou(detection.box, listed.box) >= ONE_FACE:
            checks.detections[index] = replace(detection, seen=[*detection.seen, *listed.seen]), None
            return
    checks.detections.append((listed, None))


def _is_spared(box: Box, line: FrameLine) -> bool:
    """Whether a box is of a face that the line lists as spared."""
    return any(face.state == "spared" and iou(face.box, box) >= ONE_FACE for face in line.faces)


def _counts(box: Box, left: Legibility, size_wh: tuple[int, int]) -> bool:
    """Whether what is left of a masked box could be a face: enough of it is in the frame, and large or all there."""
    (x1, y1, x2, y2), (width, height) = box, size_wh
    seen = min(x2, width) - max(x1, 0), min(y2, height) - max(y1, 0)
    share = seen[0] * seen[1] / ((x2 - x1) * (y2 - y1))
    is_seen = min(seen) >= MIN_SIDE and share >= SHARE_IN_FRAME
    is_part = seen[1] >= MIN_HEIGHT and (y2 - y1 >= SMALL_HEIGHT or left.contrast >= MIN_CONTRAST)
    return is_seen and (is_part or left.left >= MOSTLY)


def _as_redacted(
    source: GrayImage, masked: Sequence[Region], style: str, box: Sequence[float], reach: float, left: Legibility
) -> bool:
    """Whether the mask itself leaves about as much, as of what is out of focus, or where its edge cuts an edge."""
    redacted = source.copy()
    redact(redacted, masked, style)
    expected = measure_legibility(source, redacted, box, reach)
    more = MORE_OF_SMALL if box[3] - box[1] < SMALL_HEIGHT else LEGIBLE_KEPT
    return expected is not None and not left.exceeds(expected, more)


def _changed(boxes: list[Box], line: FrameLine, seconds: float, pixels: int) -> list[Observation]:
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes]
    share = sum(areas) / pixels
    if len(boxes) > MAX_AREAS or share > MAX_SHARE:
        return [Observation(line.frame, seconds, share, "the frame differs in many areas")]
    text = "differs from the source, and no face is listed here"
    return [Observation(line.frame, seconds, area / pixels, text, box) for area, box in zip(areas, boxes, strict=True)]
