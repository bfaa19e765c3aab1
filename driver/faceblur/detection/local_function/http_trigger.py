"""function.yaml's HTTP trigger on this machine: a stand-in for Nuclio, which the driver uses when no URL is given.

It follows Nuclio's observable behaviour: the port opens once every worker has initialised, `/__internal/health`, 503
when no worker becomes free, 400 or a reset for a body that is too large, 431 for headers that are, 500 with a traceback
when the handler raises, 408 and a restarted worker after `eventTimeout`. Bodies are not decompressed, CloudEvents are
unwrapped. Unlike a pod, it survives a worker that dies: the connection of its request is reset and the worker is
started again. When that happens MAX_DEATHS times in a row, requests get 507. docs/http.md has what else is not alike.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from faceblur.base.errors import Unavailable, UsageError
from faceblur.detection.local_function.event_mapping import event_message, header_bytes, http_response
from faceblur.detection.local_function.function_yaml import FunctionConfig
from faceblur.detection.local_function.worker_handle import Worker, WorkerDied
from faceblur_function.defaults import OUT_OF_MEMORY

log = logging.getLogger("faceblur.function")
# Of workers, without a reply in between: each is started again, until it is clear that the next one dies too.
MAX_DEATHS = 3
# What the HTTP server reads of a line, beyond the trigger's own limit: it answers with another status.
MAX_LINE_BYTES, MAX_HEADERS = 1 << 20, 4096


class LocalFunction:
    """Runs the function behind an HTTP port of this machine while the context is open.

    `async with LocalFunction(config) as function:` then use `function.url`. Port 0 takes a free one. Raises UsageError
    when the function cannot start or the port is not available, Unavailable when the memory is not enough. Workers that
    were `spawned` for an equal `config` are used.
    """

    def __init__(
        self, config: FunctionConfig, *, host: str = "127.0.0.1", port: int = 0, spawned: Sequence[Worker] = ()
    ) -> None:
        self.config = config
        self._host, self._port = host, port
        ready = {worker.number: worker for worker in spawned if worker.config == config}
        self._workers = [ready.get(number) or Worker(config, number) for number in range(config.workers)]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._requests: set[asyncio.Task[Any]] = set()
        self._restarts: set[asyncio.Task[None]] = set()
        self._closing = self._draining = False
        self._deaths, self._lost = 0, ""
        self._opened = 0.0
        # After a time-out a worker is free at once, and refuses until it has started again.
        self._stopped: set[Worker] = set()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
            for worker in self._workers:
                self._free.put_nowait(worker)
            await self._listen()
        except BaseException as error:
            await self._stop_workers()
            if isinstance(error, WorkerDied):
                if OUT_OF_MEMORY.search(str(error)):
                    raise Unavailable(f"the function did not start, the memory may have run out: {error}") from error
                raise UsageError(f"the function did not start: {error}") from error
            raise
        return self

    async def _listen(self) -> None:
        app = web.Application(client_max_size=self.config.max_body_bytes + 1)
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
        self._opened = time.monotonic()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The workers first: a request that still waits for one would delay the shutdown of the server.
        await self._stop_workers()
        await self._runner.cleanup()
        # The server has forgotten requests whose clients disconnected: they may still wait for a worker.
        for task in self._requests:
            task.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

    async def drain(self, seconds: float) -> None:
        """Answer what has arrived, for so many seconds at most, and refuse the rest, as a pod does that ends."""
        self._draining = True
        if self._requests:
            await asyncio.wait(set(self._requests), timeout=seconds)

    async def _stop_workers(self) -> None:
        self._closing = True
        for task in self._restarts:
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/__internal/health"):
            return web.Response(headers={"Server": "nuclio"})
        if task := asyncio.current_task():
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)
        if header_bytes(request) > self.config.max_header_bytes:
            refusal = web.Response(status=431, text="Too big request header", headers={"Server": "nuclio"})
            refusal.force_close()
            return refusal
        try:
            if (request.content_length or 0) > self.config.max_body_bytes:
                raise web.HTTPRequestEntityTooLarge(self.config.max_body_bytes, request.content_length or 0)
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            log.warning("request refused: body size exceeds the given limit")
            refusal = web.Response(status=400, text="Error when parsing request", headers={"Server": "nuclio"})
            refusal.force_close()
            return refusal
        except MemoryError:
            return _given_up("the memory ran out")
        except ConnectionError:  # the client disconnected in the middle of its request: nobody reads an answer
            return web.Response(status=400)
        if self._lost:
            return _given_up(self._lost)
        try:
            message = event_message(request, body)
        except ValueError:
            return web.Response(status=500, text="Failed to wrap structured cloud event", headers={"Server": "nuclio"})
        if self._draining:
            return web.Response(status=503, headers={"Server": "nuclio"})
        try:
            worker = await self._take_worker()
        except TimeoutError:
            return web.Response(status=503, headers={"Server": "nuclio"})
        if worker in self._stopped:
            self._free.put_nowait(worker)
            text = "Processor not ready (current status: stopped)"
            return web.Response(status=500, text=text, headers={"Server": "nuclio"})
        return await self._call(worker, message, request)

    async def _call(self, worker: Worker, message: dict[str, Any], request: web.Request) -> web.StreamResponse:
        try:
            reply = await asyncio.wait_for(worker.call(message), self._seconds_left())
        except TimeoutError:
            log.error("event time-out after %g s: the worker is restarted", self.config.event_timeout)
            self._stopped.add(worker)
            self._free.put_nowait(worker)
            self._restart(worker)
            text = '{"error": "handler timed out"}'
            return web.Response(status=408, text=text, headers={"Server": "nuclio"})
        except WorkerDied as error:
            if not self._closing:
                log.error("a worker died: %s", error)
            self._restart(worker)
            self._deaths += 1
            if self._deaths > MAX_DEATHS:
                return _given_up(f"its worker died {self._deaths} times in a row: {error}")
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500, headers={"Server": "nuclio"})
        except BaseException:
            self._restart(worker)
            raise
        self._deaths = 0
        self._free.put_nowait(worker)
        return http_response(reply)

    def _seconds_left(self) -> float | None:
        """How long an event may take from now: the platform looks once in every `eventTimeout`, so up to twice that."""
        every = self.config.event_timeout
        if every is None:
            return None
        since = time.monotonic() - self._opened
        return (math.floor(since / every) + 2) * every - since

    async def _take_worker(self) -> Worker:
        while True:
            if not self._free.empty():
                worker = self._free.get_nowait()
            else:
                worker = await asyncio.wait_for(self._free.get(), self.config.worker_timeout)
            if worker in self._workers:  # not one that did not start again
                return worker

    def _restart(self, worker: Worker) -> None:
        if self._closing:
            return

        async def again() -> None:
            await worker.stop()
            try:
                await worker.start()
            except WorkerDied as error:
                log.error("a worker did not start again: %s", error)
                self._workers.remove(worker)
                await worker.stop()
                if not self._workers:
                    self._lost = f"its workers do not start again: {error}"
                return
            if worker in self._stopped:
                self._stopped.remove(worker)
            else:
                self._free.put_nowait(worker)

        task = asyncio.create_task(again())
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)


def _given_up(why: str) -> web.Response:
    """The answer to a request that no worker can serve: another attempt cannot help, a smaller request may."""
    error = {"code": "worker_died", "message": f"the function gave up: {why}"}
    return web.json_response({"error": error}, status=507, headers={"Server": "nuclio"})
