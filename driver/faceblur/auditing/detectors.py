"""Which detectors the second pass uses: every given function, or both models for the CPU on this machine."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from faceblur.auditing.report import AuditDetector
from faceblur.auditing.source_search import Detectors
from faceblur.detection.connect import connect
from faceblur.detection.endpoint import Endpoint

log = logging.getLogger("faceblur")
# What else detects on this machine, besides function.yaml's default for it.
SECOND_MODEL = "centerface"


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[Detectors]:
    """Detectors that answer. Raises UsageError or FunctionError."""
    clients, infos = [], []
    async with AsyncExitStack() as stack:
        for one in detector_endpoints(endpoint):
            client, info = await stack.enter_async_context(connect(one))
            clients.append(client)
            infos.append(AuditDetector(model=info.model, device=info.device, weights_sha256=info.weights_sha256))
            log.info("detector: %s on %s (%s)", info.model, info.device, info.provider)
        yield Detectors(tuple(clients), tuple(infos))


def detector_endpoints(endpoint: Endpoint) -> list[Endpoint]:
    """An endpoint for each detector."""
    if endpoint.urls:
        return [replace(endpoint, urls=(url,)) for url in dict.fromkeys(endpoint.urls)]
    if "MODEL" in endpoint.env:
        return [endpoint]
    return [endpoint, replace(endpoint, env=endpoint.env | {"MODEL": SECOND_MODEL}, spawned=())]
