"""The exchange with the function on this machine: what HTTP would carry goes to its workers at once."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from faceblur.base.errors import RequestRejected, RequestTooLarge
from faceblur.detection.exchange import SMALL_BYTES, ConnectionBroken, Late, Response, too_large
from faceblur.detection.local_function.event_mapping import TOO_LARGE, event_message
from faceblur.detection.local_function.worker_handle import KeepsDying, NoWorkerLeft, WorkerDied
from faceblur.detection.local_function.worker_pool import WorkerPool
from faceblur.detection.retry_after import stated_seconds

# What an answer without a body means.
NO_BODY = {503: b"no worker is free"}


class LocalTransport:
    """The transport to `workers`. A URL is a name in errors."""

    on_the_way = "hand-over"

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The workers are their owner's."""

    async def exchange(
        self, url: str, method: str, body: bytes | None, seconds: float, max_bytes: int = SMALL_BYTES
    ) -> Response:
        start = time.perf_counter()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        event = event_message(method, "/", headers, body or b"", url="/", query={})
        try:
            answer = TOO_LARGE
            if event["size"] <= self._workers.config.max_body_bytes:
                answer = await asyncio.wait_for(self._workers.answer(event), seconds)
        except TimeoutError as error:
            raise Late(f"{url}: no answer within {seconds:g} s") from error
        except NoWorkerLeft as error:
            raise RequestRejected(f"{url}: {error}") from error
        except KeepsDying as error:
            raise RequestTooLarge(f"{url}: even with a single frame {error}") from error
        except WorkerDied as error:
            raise ConnectionBroken(f"{url}: its worker died: {error}") from error
        if answer.status == 200 and len(answer.body) > max_bytes:
            raise too_large(max_bytes)
        return Response(
            *(answer.status, answer.body or NO_BODY.get(answer.status, b"")),
            sending=0.0,
            waiting=time.perf_counter() - start,
            receiving=0.0,
            protocol="status",
            retry_after=stated_seconds(answer.headers.get("Retry-After", "")),
        )
