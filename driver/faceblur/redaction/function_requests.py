"""The requests by which the function searches the frames of one file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from faceblur.base.events import ReplyReceived
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.detection.reply import CheckedReply
from faceblur.redaction.frame import Frame, all_pixels
from faceblur.redaction.threads import FileWork
from faceblur.tracking.boxes import LOW_THRESHOLD
from faceblur_function import wire


class FunctionRequests:
    """Searches frames through the function. Raises FunctionError."""

    def __init__(self, client: FunctionClient, options: Options, work: FileWork, *, return_frames: bool) -> None:
        self._client, self._work, self._return_frames = client, work, return_frames
        self._batch_size = options.batch_size
        # Low scores are asked for too where they can continue tracks.
        report_threshold = LOW_THRESHOLD if options.look_around else None
        self._request = wire.RequestOptions(
            threshold=options.threshold,
            report_threshold=report_threshold,
            style=options.style,
            padding=options.padding,
        )

    async def ask(self, frames: Sequence[Frame]) -> None:
        """Have the function search frames, in requests of at most a batch."""
        size = max(1, self._batch_size // max((frame.views for frame in frames), default=1))
        parts = [frames[index : index + size] for index in range(0, len(frames), size)]
        await asyncio.gather(*map(self._send, parts))

    async def _send(self, frames: Sequence[Frame]) -> None:
        encoded = await self._work.spread("JPEG", [frame.encode for frame in frames], all_pixels(frames))
        images = [image for parts in encoded for image in parts]
        with self._work.at("function"):
            answer = await self._client.send(images, self._request, return_frames=self._return_frames)
        self._report(answer)
        returned: Sequence[bytes | None] = answer.frames or [None] * len(images)
        first = 0
        for frame, parts in zip(frames, encoded, strict=True):
            own = slice(first, first + len(parts))
            frame.add_detections(answer.faces[own], returned[own])
            first = own.stop

    def _report(self, answer: CheckedReply) -> None:
        frames = len(answer.faces)
        self._work.emit(ReplyReceived(self._work.source, answer.model, answer.device, frames, dict(answer.timings_ms)))
