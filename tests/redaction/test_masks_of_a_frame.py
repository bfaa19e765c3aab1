"""Which of a frame's faces are masked: not those that a person spares, and no gap that has left the frame."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faceblur.base.errors import InvalidReply
from faceblur.base.face_checks import MAX_COORDINATE, MAX_MASKS
from faceblur.base.options import Options
from faceblur.base.regions import parse_regions
from faceblur.redaction.look_ahead import LookAhead
from faceblur.redaction.threads import FileWork
from faceblur.tracking.boxes import Box, Detection
from tests.redaction.plain_frames import PlainFrame, plain_frames

WIDTH = 1000  # of a plain frame; it is one pixel high


def settled(masks: dict[int, Box], *, padding: float = 0.25, are_gaps: bool = True) -> PlainFrame:
    """A frame whose masks are these, as it is when it is to be masked."""
    (frame,) = plain_frames(1, size=WIDTH)
    frame.masks, frame.gaps = masks, set(masks) if are_gaps else set()
    with ThreadPoolExecutor(1) as codecs:
        LookAhead(0, Options(padding=padding), FileWork(Path("a.mp4"), codecs, lambda _: None))._settle(frame)
    return frame


def test_a_gap_is_masked_as_long_as_its_padding_reaches_into_the_frame() -> None:
    boxes: dict[int, Box] = {1: (-12.0, 0.0, -2.0, 1.0), 2: (WIDTH + 2.0, 0.0, WIDTH + 12.0, 1.0)}
    assert settled(dict(boxes)).masks == boxes
    gone = settled(dict(boxes), padding=0.2)
    assert not gone.masks and not gone.gaps


def test_a_mask_that_a_pan_carried_beyond_any_frame_is_cut() -> None:
    (box,) = settled({1: (-1e9, 0.0, 10.0, 1.0)}).masks.values()
    assert box == (-MAX_COORDINATE, 0.0, 10.0, 1.0)


def test_masks_are_in_the_order_of_the_sidecar_s_lines() -> None:
    """Where they overlap it matters, and an audit masks again what is listed."""
    boxes: dict[int, Box] = {3: (10.0, 0.0, 20.0, 1.0), 1: (40.0, 0.0, 60.0, 1.0), 2: (15.0, 0.0, 70.0, 1.0)}
    assert list(settled(boxes, are_gaps=False).masks) == [1, 2, 3]


def test_a_frame_with_more_masks_than_any_has_fails_its_video() -> None:
    boxes: dict[int, Box] = {track: (0.05 * track, 0.0, 0.05 * track + 0.04, 1.0) for track in range(MAX_MASKS + 1)}
    with pytest.raises(InvalidReply, match="faces are to be masked, more than"):
        settled(boxes, are_gaps=False)


@pytest.mark.parametrize(
    ("box", "is_spared"),
    [
        ((10.0, 0.0, 20.0, 1.0), True),
        ((-5.0, -3.0, 20.0, 4.0), True),  # all that the frame shows of it
        ((40.0, 0.0, 60.0, 1.0), False),
        ((60.0, 0.0, 70.0, 1.0), False),
    ],
)
def test_only_a_face_of_which_all_that_is_shown_lies_in_a_region_is_spared(box: Box, is_spared: bool) -> None:
    (frame,) = plain_frames(1, size=WIDTH)
    assert frame.unspared([box]) == [box]
    frame.spare = parse_regions(("0,0,50,1",))
    assert frame.unspared([box]) == ([] if is_spared else [box])


def test_a_score_of_just_the_threshold_is_a_face() -> None:
    (frame,) = plain_frames(1)
    frame.detections = [Detection((1.0, 0.0, 2.0, 1.0), 0.3), Detection((5.0, 0.0, 6.0, 1.0), 0.29)]
    assert frame.above(0.3) == [(1.0, 0.0, 2.0, 1.0)]
