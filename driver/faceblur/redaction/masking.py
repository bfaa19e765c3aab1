"""Draws masks over faces, in place: on a decoded frame's own planes, or on those of an image's page.

Nothing outside a region changes. Frames are in a planar format of 8 to 16 bits, which the writer chooses.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from faceblur.media.frames import DecodedFrame
from faceblur.media.images.page import Page
from faceblur.media.orientation import stored_box
from faceblur.media.planes import PlaneView, planes
from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import Region, boxes_as_regions, regions
from faceblur_function.styles import redact, redact_alike


def mask_frame(frame: DecodedFrame, boxes: Iterable[Box], *, style: str, padding: float) -> None:
    """Mask boxes of the upright frame on the stored frame's own planes, in place."""
    _mask_planes(frame, stored_regions(frame, boxes, padding), style)


def cover_frame(frame: DecodedFrame, boxes: Iterable[Box], *, style: str) -> None:
    """Mask boxes of the upright frame, complete and as they are, on the stored frame's own planes, in place."""
    stored = [stored_box(box, frame.orientation, frame.upright_wh) for box in boxes]
    _mask_planes(frame, boxes_as_regions(stored), style)


def _mask_planes(frame: DecodedFrame, masks: list[Region], style: str) -> None:
    if not masks:
        return
    frame.pixels.make_writable()
    for (step_x, step_y, black), alike in groupby(planes(frame.pixels, with_alpha=True), _kind):
        scaled = [region.scaled(1 / step_x, 1 / step_y) for region in masks]
        redact_alike([plane.array for plane in alike], scaled, style, fill=black)


def _kind(plane: PlaneView) -> tuple[int, int, int]:
    return plane.step_x, plane.step_y, plane.black


def mask_page(page: Page, view: int, boxes: Iterable[Box], *, style: str, padding: float) -> None:
    """Mask boxes on the planes of one view of a page, in place."""
    masks = regions(boxes, padding)
    if masks:
        for plane, black in page.planes(view):
            redact(plane, masks, style, fill=black)


def cover_page(page: Page, boxes: Iterable[Box], *, style: str) -> None:
    """Mask boxes on all planes of a page, complete and as they are, in place."""
    masks = boxes_as_regions(boxes)
    for view in (0, 1) if masks else ():
        for plane, black in page.planes(view):
            redact(plane, masks, style, fill=black)


def stored_regions(frame: DecodedFrame, boxes: Iterable[Box], padding: float) -> list[Region]:
    """Boxes of the upright frame as regions of the stored one."""
    orientation, upright_wh = frame.orientation, frame.upright_wh
    return regions([stored_box(box, orientation, upright_wh) for box in boxes], padding)
