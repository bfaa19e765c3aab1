"""What a line of a sidecar has masked: faces with their padding, and regions by hand as they are."""

from __future__ import annotations

from collections.abc import Iterable

from faceblur.redaction.sidecar_format import SidecarFace
from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import Region, boxes_as_regions, regions


def listed_faces(faces: Iterable[SidecarFace]) -> list[Box]:
    """The boxes of the faces that are masked: those that nobody spared."""
    return [face.box for face in faces if face.is_masked]


def listed_boxes(faces: Iterable[SidecarFace]) -> list[Box]:
    """The boxes that are masked by hand."""
    return [face.box for face in faces if face.state == "region"]


def listed_regions(faces: list[SidecarFace], padding: float) -> list[Region]:
    """All that is masked, as regions of the upright frame; `padding` is that of the faces."""
    return regions(listed_faces(faces), padding) + boxes_as_regions(listed_boxes(faces))
