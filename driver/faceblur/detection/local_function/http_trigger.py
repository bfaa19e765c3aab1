"""function.yaml's HTTP trigger on this machine: a stand-in for Nuclio, for `faceblur serve`.

It follows Nuclio's observable behaviour: the port opens once every worker has initialised, `/__internal/health`, 400 or
a reset for a body that is too large, 431 for headers that are. Bodies are not decompressed, CloudEvents are unwrapped.
The rest is the pool's (`worker_pool`). Unlike with a pod, the connection of a worker's request is reset when it dies.
docs/http.md has what else is not alike.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import Self

from aiohttp import web

from faceblur.base.errors import UsageError
from faceblur.detection.local_function.event_mapping import TOO_LARGE, EventResponse, event_message
from faceblur.detection.local_function.function_yaml import FunctionConfig
from faceblur.detection.local_function.worker_handle import KeepsDying, WorkerDied
from faceblur.detection.local_function.worker_pool import WorkerPool

log = logging.getLogger("faceblur.function")
# What the HTTP server reads of a line, beyond the trigger's own limit: it answers with another status.
MAX_LINE_BYTES, MAX_HEADERS = 1 << 20, 4096


class LocalFunction:
    """Runs the function behind an HTTP port of this machine while the context is open.

    `async with LocalFunction(config) as function:` then use `function.url`. Port 0 takes a free one. Raises UsageError
    when the port is not available, and what the pool of its `workers` raises.
    """

    def __init__(self, config: FunctionConfig, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._config = config
        self._host, self._port = host, port
        self.workers = WorkerPool(config)

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.workers)
            await self._listen()
            stack.pop_all()
        return self

    async def _listen(self) -> None:
        app = web.Application(client_max_size=self._config.max_body_bytes + 1)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=1,
            auto_decompress=False,
            lingering_time=0,  # what is still being sent is not read: the client gets a reset, or the answer
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(f"cannot listen on {self._host} port {self._port}: {error.strerror}") from error
        self._port = self._runner.addresses[0][1]

    async def __aexit__(self, *error: object) -> None:
        # The workers first: a request that still waits for one would delay the shutdown of the server.
        await self.workers.__aexit__(*error)
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/__internal/health"):
            return _response(EventResponse(200))
        if _header_bytes(request) > self._config.max_header_bytes:
            return _refusal(EventResponse.of_text(431, "Too big request header"))
        try:
            if (request.content_length or 0) > self._config.max_body_bytes:
                raise web.HTTPRequestEntityTooLarge(self._config.max_body_bytes, request.content_length or 0)
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            log.warning("request refused: body size exceeds the given limit")
            return _refusal(TOO_LARGE)
        except MemoryError:
            return _response(EventResponse.given_up("the memory ran out"))
        except ConnectionError:  # the client disconnected in the middle of its request: nobody reads an answer
            return web.Response(status=400)
        target, url = request.raw_path, str(request.rel_url)
        try:
            event = event_message(request.method, target, request.headers, body, url=url, query=request.query)
        except ValueError:
            return _response(EventResponse.of_text(500, "Failed to wrap structured cloud event"))
        try:
            return _response(await self.workers.answer(event))
        except KeepsDying as error:
            return _response(EventResponse.given_up(str(error)))
        except WorkerDied:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)


def _header_bytes(request: web.Request) -> int:
    """How long the request's line and headers are."""
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1\r\n") + 1
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in request.raw_headers) + len("\r\n")


def _response(answer: EventResponse) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers={**answer.headers, "Server": "nuclio"})


def _refusal(answer: EventResponse) -> web.Response:
    """A response after which the connection is closed: the rest of the request is not read."""
    response = _response(answer)
    response.force_close()
    return response
