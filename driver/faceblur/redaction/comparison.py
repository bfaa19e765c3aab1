"""Compares each frame with the one before it: does a new scene begin, how did the camera move."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from functools import partial

from faceblur.redaction.batch import Batch
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.camera_motion import NO_MOTION
from faceblur.tracking.scene_cuts import is_change, transition
from faceblur.tracking.thumbnails import Thumbnail


async def compare_frames(batches: AsyncIterable[Batch], work: FileWork) -> AsyncGenerator[Batch]:
    """Set what happened between each frame and the one before it in its stream. Batches come in order."""
    before: dict[int, Thumbnail] = {}
    async for batch in batches:
        works = []
        for frame in batch.frames:
            works.append(partial(_set_transition, frame, before.get(frame.stream)))
            before[frame.stream] = frame.thumbnail
        await work.spread("camera", works, all_pixels(batch.frames))
        yield batch


def _set_transition(frame: Frame, before: Thumbnail | None) -> None:
    frame.cut, frame.camera = transition(before, frame.thumbnail)
    frame.may_be_cut = before is not None and frame.camera == NO_MOTION and is_change(before, frame.thumbnail)
