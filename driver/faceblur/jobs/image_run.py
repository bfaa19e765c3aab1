"""A run over images: as many at a time as there is memory for."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from contextlib import nullcontext

from faceblur.base.errors import MediaError, UsageError
from faceblur.base.regions import parse_regions
from faceblur.base.stages import Stages
from faceblur.detection.client import FunctionClient
from faceblur.jobs.discovery import PlannedFile, find_images
from faceblur.jobs.function_connection import connected
from faceblur.jobs.report import Report
from faceblur.jobs.run import Run
from faceblur.media.images.image_reader import measure
from faceblur.redaction.image import redact_image

# What an image may take as decoded pixels, and from where on images are read one at a time.
MAX_BYTES, LARGE_BYTES = 1 << 30, 64 << 20


class ImageRun(Run):
    """Redacts images; they are searched one request after another, many images beside each other."""

    kind = "image"

    async def execute(self) -> Report:
        """Redact everything. Raises UsageError or FunctionError; may be cancelled."""
        for region in parse_regions(self.options.cover + self.options.spare):
            if region.span is not None:
                raise UsageError(f"{region}: an image has no times: leave out @ and what follows")
        if waiting := self.plan(await self.find(find_images)):
            async with connected(self.endpoint, self.emit) as (client, _, codecs), Stages() as stages:
                large = asyncio.Lock()
                for one in waiting:
                    stages.start(self._redact(one, client, codecs, large))
        return self.report

    async def _redact(self, one: PlannedFile, client: FunctionClient, codecs: Executor, large: asyncio.Lock) -> None:
        """Redact one image once there is memory for it; large ones take turns."""
        async with client.limit.batches:
            with self.running(one, codecs) as file:
                size = await asyncio.to_thread(measure, one.source)
                if size > MAX_BYTES:
                    raise MediaError(f"{one.source}: {size >> 20} MiB of pixels, of at most {MAX_BYTES >> 20}")
                async with large if size > LARGE_BYTES else nullcontext():
                    file.written = await redact_image(one.target, self.options, file.work, client=client)
