"""The function that a job uses, and the threads for JPEG and masks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

from faceblur.base.events import Emit, FunctionConnected
from faceblur.detection.client import FunctionClient
from faceblur.detection.connect import connect
from faceblur.detection.endpoint import Endpoint
from faceblur.redaction.threads import codec_threads
from faceblur_function import wire

log = logging.getLogger("faceblur")


@asynccontextmanager
async def connected(endpoint: Endpoint, emit: Emit) -> AsyncIterator[tuple[FunctionClient, wire.Info, Executor]]:
    """A client of the function, what that runs, and the threads. Raises FunctionError."""
    async with connect(endpoint) as (client, info):
        emit(FunctionConnected(info.model, info.device, info.provider))
        with ThreadPoolExecutor(codec_threads(), "codec") as codecs:
            yield client, info, codecs
        if trouble := client.statistics.trouble():
            log.warning("%s", trouble)
