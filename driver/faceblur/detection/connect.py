"""From the call's options to a function that answers: the given URLs, or function.yaml's function on this machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faceblur.detection.client import FunctionClient
from faceblur.detection.endpoint import Endpoint
from faceblur.detection.exchange import Transport
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.local_transport import LocalTransport
from faceblur.detection.local_function.worker_pool import WorkerPool
from faceblur_function import wire

log = logging.getLogger("faceblur.progress")
# Requests in flight at each given URL at the start: function.yaml's two workers, and as many that wait or travel.
START_PER_URL = 4
# No more than these, whatever the function can take: this bounds the memory.
MAX_CONCURRENCY = 128
# At the local function every worker has one request, and two wait or travel.
SPARE_LOCAL_REQUESTS = 2
LOCAL = "the function on this machine"


@asynccontextmanager
async def connect(endpoint: Endpoint, *, again: bool = False) -> AsyncIterator[tuple[FunctionClient, wire.Info]]:
    """A client that is connected, and what its function runs. Raises UsageError or FunctionError.

    The function at each given URL is checked with one real face first. `again`: it is not said that the one on this
    machine is loaded.
    """
    if not endpoint.urls:
        level = logging.DEBUG if again else logging.INFO
        config = read_config(find_function_yaml(), env=endpoint.env, workers=endpoint.workers)
        log.log(level, "loading the model on this machine: the first frame takes some seconds")
        start = min((worker.spawned_at for worker in endpoint.spawned), default=time.monotonic())
        async with WorkerPool(config, spawned=endpoint.spawned) as workers:
            concurrency = endpoint.concurrency or config.workers + SPARE_LOCAL_REQUESTS
            transport = LocalTransport(workers)
            async with _client(endpoint, (LOCAL,), concurrency, transport=transport) as client:
                info = await client.probe()
                log.log(level, "%s loaded in %.1f s, on %s", info.model, time.monotonic() - start, info.device)
                yield client, info
        return
    concurrency = endpoint.concurrency or min(START_PER_URL * len(endpoint.urls), MAX_CONCURRENCY)
    max_concurrency = None if endpoint.concurrency else MAX_CONCURRENCY
    async with _client(endpoint, endpoint.urls, concurrency, max_concurrency) as client:
        info = await client.probe()
        await asyncio.gather(*(_check(endpoint, url) for url in endpoint.urls))
        yield client, info


async def _check(endpoint: Endpoint, url: str) -> None:
    async with _client(endpoint, (url,), 1) as client:
        await client.check()


def _client(
    endpoint: Endpoint,
    urls: tuple[str, ...],
    concurrency: int,
    max_concurrency: int | None = None,
    transport: Transport | None = None,
) -> FunctionClient:
    return FunctionClient(
        urls,
        concurrency=concurrency,
        max_concurrency=max_concurrency,
        headers=endpoint.headers,
        ca_file=endpoint.ca_file,
        timeout=endpoint.timeout,
        give_up_after=endpoint.give_up_after,
        transport=transport,
    )
