"""Gaps that the tracker carried out of the frame: what covers nothing is neither masked nor listed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from faceblur.base.errors import InvalidReply
from faceblur.base.events import Event, FramesMasked, GapsMasked
from faceblur.base.face_checks import MAX_COORDINATE, MAX_MASKS
from faceblur.base.options import Options
from faceblur.base.regions import parse_regions
from faceblur.base.stages import in_order
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.batch import Batch
from faceblur.redaction.look_ahead import LookAhead
from faceblur.redaction.output import line_of
from faceblur.redaction.threads import FileWork
from faceblur.redaction.video_frame import VideoFrame
from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.doubtful_tracks import CONFIRMED, MODERATE, Question

WH = (160, 120)


def frame(gaps: list[Box], detections: int = 0) -> VideoFrame:
    pixels = av.VideoFrame.from_ndarray(np.zeros((WH[1] * 3 // 2, WH[0]), np.uint8), "yuv420p")
    pixels.pts = 0
    one = VideoFrame(decoded=DecodedFrame(0, 0, pixels), stream=0, number=0, seconds=0.0)
    one.masks, one.gaps = dict(enumerate(gaps)), set(range(len(gaps)))
    one.detections = [Detection((1, 1, 9, 9), 1.0)] * detections
    return one


def settle(one: VideoFrame) -> list[Event]:
    """Have the frame pass a window in which nothing new is detected."""
    events: list[Event] = []

    async def batches() -> AsyncIterator[Batch]:
        yield Batch([one])

    async def main() -> None:
        with ThreadPoolExecutor(1) as codecs:
            look_ahead = LookAhead(0, Options(), FileWork(Path("a.mp4"), codecs, events.append))
            one.make_thumbnail()
            tracked = look_ahead.track(batches(), asyncio.ensure_future)
            async for _ in look_ahead.mask_faces(in_order(tracked)):
                pass

    asyncio.run(main())
    return events


def test_a_gap_that_left_the_frame_is_not_listed() -> None:
    inside, beside, outside = (10.0, 10.0, 30.0, 40.0), (162.0, 10.0, 182.0, 40.0), (170.0, 10.0, 190.0, 40.0)
    one = frame([inside, beside, outside])
    events = settle(one)
    assert one.masks == {0: inside, 1: beside} and one.gaps == {0, 1}  # the padding of the second reaches into it
    assert [event for event in events if isinstance(event, GapsMasked)] == [
        GapsMasked(Path("a.mp4"), 2, "interpolated")
    ]


def test_masks_are_counted_by_their_state() -> None:
    one = frame([(10.0 + 40 * index, 10.0, 30.0 + 40 * index, 40.0) for index in range(4)])
    one.is_searched, one.gaps, one.followed = True, {1, 2, 3}, {3}
    one.spare = [*parse_regions(["40,0,80,60"])]
    events = settle(one)
    _, *masked = (event for event in events if isinstance(event, FramesMasked | GapsMasked))
    path = Path("a.mp4")
    assert masked == [FramesMasked(path, 1, 1), GapsMasked(path, 1, "gap-filled"), GapsMasked(path, 1, "followed")]
    states = [face.state for face in line_of(one, 0.3).faces]
    assert states == ["detected", "spared", "gap-filled", "followed"]


def test_the_end_of_an_unconfirmed_track_is_not_masked() -> None:
    box = (10.0, 10.0, 30.0, 40.0)
    one = frame([box] * 4)
    answers = {0: CONFIRMED - 0.01, 1: CONFIRMED, 2: CONFIRMED - 0.01, 3: CONFIRMED - 0.01}
    one.doubts = {track: Question([(one, box)], MODERATE - 0.01, 0.0, answer) for track, answer in answers.items()}
    one.doubts[2].score, one.ends = MODERATE, {0, 1, 2}
    one.masks = {track: (x, 10.0, x + 20, 40.0) for track, x in enumerate((10.0, 40.0, 70.0, 100.0))}
    settle(one)
    assert one.masks.keys() == one.gaps == {1, 2, 3} and one.rejected == {}


def test_a_gap_without_bounds_stays_readable() -> None:
    one = frame([(-1e12, -1e12, 1e12, 1e12)])
    settle(one)
    assert one.masks[0] == (-MAX_COORDINATE, -MAX_COORDINATE, MAX_COORDINATE, MAX_COORDINATE)


def test_more_masks_than_a_sidecar_lists_are_an_error() -> None:
    settle(frame([], MAX_MASKS))
    with pytest.raises(InvalidReply, match="frame 0: 16385 faces are to be masked, more than 16384"):
        settle(frame([(10.0, 10.0, 30.0, 40.0)], MAX_MASKS))
