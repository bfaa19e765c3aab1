"""The checks of one pair of frames: are its listed faces gone, is the rest as it was, what did the second look find?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from faceblur.auditing.alignment import Still
from faceblur.auditing.legible import LEGIBLE_KEPT, Box, Gray, Legibility, changed_places, legibility, untouched
from faceblur.auditing.looks import ONE_FACE, Sighting, iou
from faceblur.auditing.moments import Sight
from faceblur.auditing.pairs import BGR, Unit, gray, output_still, source_still
from faceblur.redaction.sidecar import FrameLine
from faceblur_function.masks import Region, regions
from faceblur_function.styles import redact

# A region is looked at without its soft edge.
WITHIN = 0.9
# What is found in the output alone is often a redacted head with what is around it: it must be this clear, as a share.
MOSTLY = 0.8
# More changed places than this, or this share of the picture, are told as one.
MAX_PLACES, MAX_AREA = 6, 0.25


@dataclass(slots=True)
class Checked:
    """What was found on one pair of frames. `seen` holds each sighting, and what to note where it is still legible."""

    stills: tuple[Still, Still]
    pictures: tuple[Gray, Gray]
    covered: list[Region]
    exposed: list[Sight] = field(default_factory=list)
    changed: list[Sight] = field(default_factory=list)
    seen: list[tuple[Sighting, Sight | None]] = field(default_factory=list)
    psnr: float | None = None
    most_kept: float = 0.0


def check(unit: Unit, pictures: tuple[BGR, BGR], padding: float, style: str) -> Checked:
    """Compare a pair of frames, source and output, in the regions of the sidecar, and outside them."""
    assert unit.line is not None
    line, seconds = unit.line, unit.source_seconds
    source, output = (gray(picture) for picture in pictures)
    covered = regions((face.box for face in line.faces), padding)
    stills = source_still(source, seconds, covered), output_still(output, unit.output_seconds)
    checked = Checked(stills, (source, output), covered)
    for face in line.faces:
        reach = WITHIN * (0.5 + padding)
        left = legibility(source, output, face.box, reach)
        if left is None:
            continue
        if left.legible and not _as_redacted(source, covered, style, face.box, reach, left):
            text = f"{left.kept:.0%} of its detail is left"
            checked.exposed.append(
                Sight(line.frame, seconds, left.kept, text, face.box, face.score, left.kept, face.track)
            )
        else:
            checked.most_kept = max(checked.most_kept, left.left)
    places, checked.psnr = changed_places(source, output, untouched(covered, source.shape[1::-1]))
    checked.changed = _changed(places, line, seconds, source.size)
    return checked


def _as_redacted(
    source: Gray, covered: Sequence[Region], style: str, box: Sequence[float], reach: float, left: Legibility
) -> bool:
    """Whether redaction itself leaves as much: what is out of focus in the source is hardly changed by it."""
    redacted = source.astype(np.uint8)
    redact(redacted, covered, style)
    expected = legibility(source, redacted.astype(np.float32), box, reach)
    return expected is not None and left.kept < expected.kept + LEGIBLE_KEPT


def _changed(places: list[Box], line: FrameLine, seconds: float, pixels: int) -> list[Sight]:
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in places]
    share = sum(areas) / pixels
    if len(places) > MAX_PLACES or share > MAX_AREA:
        return [Sight(line.frame, seconds, share, "the picture differs in many places")]
    text = "differs from the source, and no face is listed here"
    return [Sight(line.frame, seconds, area / pixels, text, place) for area, place in zip(areas, places, strict=True)]


def note_seen(checked: Checked, unit: Unit, found: Sequence[Sighting]) -> None:
    """Tell which of the second look's finds are still legible in the output."""
    assert unit.line is not None
    for sighting in found:
        left = legibility(*checked.pictures, sighting.box)
        sight = None
        known = any(one.box is not None and iou(one.box, sighting.box) >= ONE_FACE / 2 for one in checked.exposed)
        told = left is not None and left.legible and (sighting.in_source or left.kept >= MOSTLY)
        if left is not None and told and not known:
            where = "partly covered" if _touched(sighting.box, checked.covered) else "not covered"
            text = f"found with score {sighting.score:.2f}, {where}: {left.kept:.0%} of its detail is left"
            sight = Sight(
                unit.line.frame,
                unit.source_seconds,
                sighting.score * left.kept,
                text,
                sighting.box,
                sighting.score,
                left.kept,
            )
        checked.seen.append((sighting, sight))


def _touched(box: Box, covered: Sequence[Region]) -> bool:
    """Whether a region covers the centre of a box."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(((x - one.x) / one.radius_x) ** 2 + ((y - one.y) / one.radius_y) ** 2 < 1 for one in covered)
