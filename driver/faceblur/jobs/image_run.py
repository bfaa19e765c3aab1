"""A run over images: as many at a time as there is memory for."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial

from faceblur.base.errors import MediaError
from faceblur.base.stages import Stages
from faceblur.detection.client import FunctionClient
from faceblur.jobs.discovery import Discovery, PlannedFile, find_images
from faceblur.jobs.run import Run
from faceblur.media.images.image_reader import measure
from faceblur.redaction.image import redact_image
from faceblur.redaction.threads import FileWork
from faceblur.redaction.written import Written
from faceblur_function import wire

# What an image may take as decoded pixels, and from where on images are read one at a time.
MAX_BYTES, LARGE_BYTES = 1 << 30, 64 << 20


class ImageRun(Run):
    """Redacts images; they are searched one request after another, many images beside each other."""

    kind = "image"

    async def _discover(self) -> Discovery:
        return await self._find(find_images)

    async def _redact(
        self, waiting: list[PlannedFile], client: FunctionClient, info: wire.Info, codecs: Executor
    ) -> None:
        large = asyncio.Lock()

        async def redact(one: PlannedFile, work: FileWork) -> Written:
            size = await asyncio.to_thread(measure, one.source)
            if size > MAX_BYTES:
                raise MediaError(f"{one.source}: {size >> 20} MiB of pixels, of at most {MAX_BYTES >> 20}")
            async with large if size > LARGE_BYTES else nullcontext():
                return await redact_image(one.target, self.options, work, client=client)

        async def redact_one(one: PlannedFile) -> None:
            async with client.limit.batches:
                await self._redact_file(one, codecs, partial(redact, one))

        async with Stages() as stages:
            for one in waiting:
                stages.start(redact_one(one))
