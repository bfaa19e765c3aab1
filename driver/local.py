"""function.yaml's HTTP trigger on this machine: the embedded default of the driver, and the tests' server.

A stand-in for one machine that follows Nuclio's observable behaviour: the port opens once every worker has initialised,
`/__internal/health`, 503 when no worker comes free, 400 for a body that is too large, 500 with a traceback when the
handler raises, 408 and a restarted worker after `eventTimeout`. Unlike a pod, it survives a worker that dies: the
request at hand is reset and the worker is started again.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import pickle
import re
import socket
import sys
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from aiohttp import web

from driver.errors import UsageError
from driver.worker import LENGTH

log = logging.getLogger("faceblur.function")
# What a machine without a GPU runs instead of function.yaml's model.
LOCAL_ENV = {"MODEL": "retinaface-mobilenet0.25", "DEVICE": "cpu"}
MAX_LOGS_HEADER = 4096
BUFFER_BYTES = 1 << 20  # a logged traceback is one line


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """What function.yaml says of handler and HTTP trigger; times in seconds. Defaults are Nuclio's."""

    folder: Path
    handler: str
    env: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    max_body_bytes: int = 4 << 20
    worker_timeout: float = 10.0
    event_timeout: float | None = None


def find_function_yaml() -> Path:
    """function.yaml beside this package: in the repository, or packed into the installed package."""
    here = Path(__file__).resolve().parent
    for path in (here.parent / "function.yaml", here / "function.yaml"):
        if path.is_file():
            return path
    raise UsageError("function.yaml was not found beside the installed package: install faceblur again")


def read_config(path: Path, *, env: Mapping[str, str] | None = None, workers: int | None = None) -> FunctionConfig:
    """Read function.yaml; `env` overrides its variables, `workers` its numWorkers. Raises UsageError."""
    try:
        spec = yaml.safe_load(path.read_text())["spec"]
        triggers = [trigger for trigger in spec.get("triggers", {}).values() if trigger.get("kind") == "http"]
        trigger = triggers[0] if triggers else {}
        workers = workers or int(trigger.get("numWorkers", trigger.get("maxWorkers", 1)))
        given = {item["name"]: str(item["value"]) for item in spec.get("env", []) if "value" in item}
        timeout_ms = int(trigger.get("workerAvailabilityTimeoutMilliseconds", 10000))
        return FunctionConfig(
            folder=path.resolve().parent,
            handler=spec["handler"],
            env=given | LOCAL_ENV | {"WORKERS": str(workers)} | dict(env or {}),
            workers=workers,
            max_body_bytes=int(trigger.get("attributes", {}).get("maxRequestBodySize", 4 << 20)),
            worker_timeout=(timeout_ms if timeout_ms >= 0 else 10000) / 1000,
            event_timeout=_seconds(spec["eventTimeout"]) if spec.get("eventTimeout") else None,
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is no usable function.yaml: {type(error).__name__}: {error}") from error


def _seconds(duration: str) -> float:
    """A Go duration such as `1m30s` or `500ms`, in seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", duration)
    if "".join(number + unit for number, unit in parts) != duration or not parts:
        raise ValueError(f"{duration!r} is no duration such as 90s or 1m30s")
    return sum(float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit] for number, unit in parts)


class WorkerDied(Exception):
    """A worker process ended; the message is the last that it said."""


class Worker:
    """One worker process and the socket to it."""

    def __init__(self, config: FunctionConfig, number: int) -> None:
        self._config, self._number = config, number
        self._last_words: deque[str] = deque(maxlen=20)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self) -> None:
        """Start the process and wait until its `init_context` is done. Raises WorkerDied."""
        ours, theirs = socket.socketpair()
        folder = str(self._config.folder)
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-u", "-m", "driver.worker"),
                *(self._config.handler, str(theirs.fileno()), str(self._number)),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | self._config.env | {"PYTHONPATH": path},
                start_new_session=True,  # a Ctrl-C in the terminal is for the driver alone
                limit=BUFFER_BYTES,
            )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._pumps = [
            asyncio.create_task(self._pump(self._process.stdout)),
            asyncio.create_task(self._pump(self._process.stderr)),
        ]
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=BUFFER_BYTES)
        if await self._receive() != "ready":
            raise WorkerDied(f"worker {self._number} did not say that it is ready")

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Have one event handled. Raises WorkerDied."""
        content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self._writer.write(LENGTH.pack(len(content)))
            self._writer.write(content)
            await self._writer.drain()
        except ConnectionError as error:
            raise WorkerDied(await self._epitaph()) from error
        reply: dict[str, Any] = await self._receive()
        return reply

    async def _receive(self) -> Any:
        try:
            header = await self._reader.readexactly(LENGTH.size)
            return pickle.loads(await self._reader.readexactly(LENGTH.unpack(header)[0]))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied(await self._epitaph()) from error

    async def _epitaph(self) -> str:
        await self._process.wait()
        await asyncio.gather(*self._pumps)
        return self._last_words[-1] if self._last_words else f"exit code {self._process.returncode}"

    async def stop(self) -> None:
        if not hasattr(self, "_process"):
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if hasattr(self, "_writer"):
            self._writer.close()
        await asyncio.gather(*self._pumps)

    async def _pump(self, stream: asyncio.StreamReader) -> None:
        """Pass what the worker prints on to our log, at the level that it gave."""
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            try:
                entry = json.loads(text)
                level, more = logging.getLevelNamesMapping()[entry["level"].upper()], entry.get("with") or {}
                details = "".join(f" {key}={value}" for key, value in more.items())
                log.log(level, "%s%s", entry["message"], details)
            except (ValueError, TypeError, KeyError):
                if text:
                    self._last_words.append(text)
                    log.debug("worker %d: %s", self._number, text)


class LocalFunction:
    """Runs the function behind an HTTP port of this machine while the context is open.

    `async with LocalFunction(config) as function:` then use `function.url`. Port 0 takes a free one. Raises UsageError
    when the function cannot start or the port cannot be had.
    """

    def __init__(self, config: FunctionConfig, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.config = config
        self._host, self._port = host, port
        self._workers = [Worker(config, number) for number in range(config.workers)]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._restarts: set[asyncio.Task[None]] = set()
        self._closing = False

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
                raise UsageError(f"the function did not start: {error}") from error
            raise
        return self

    async def _listen(self) -> None:
        app = web.Application(client_max_size=self.config.max_body_bytes + 1)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(f"cannot listen on {self._host} port {self._port}: {error.strerror}") from error
        self._port = self._runner.addresses[0][1]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The workers first: a request that still waits for one would hold the server's shutdown up.
        await self._stop_workers()
        await self._runner.cleanup()

    async def _stop_workers(self) -> None:
        self._closing = True
        for task in self._restarts:
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/__internal/health"):
            return web.Response(headers={"Server": "nuclio"})
        try:
            if (request.content_length or 0) > self.config.max_body_bytes:
                raise web.HTTPRequestEntityTooLarge(self.config.max_body_bytes, request.content_length or 0)
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            log.warning("request refused: body size exceeds the given limit")
            refusal = web.Response(status=400, text="Error when parsing request", headers={"Server": "nuclio"})
            refusal.force_close()
            return refusal
        try:
            worker = await self._take_worker()
        except TimeoutError:
            return web.Response(status=503, headers={"Server": "nuclio"})
        try:
            reply = await asyncio.wait_for(worker.call(_message(request, body)), self.config.event_timeout)
        except TimeoutError:
            log.error("event time-out after %g s: the worker is restarted", self.config.event_timeout)
            self._restart(worker)
            return web.json_response({"error": "handler timed out"}, status=408, headers={"Server": "nuclio"})
        except WorkerDied as error:
            log.error("a worker died: %s", error)
            self._restart(worker)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500, headers={"Server": "nuclio"})
        except BaseException:
            self._restart(worker)
            raise
        self._free.put_nowait(worker)
        return _response(reply)

    async def _take_worker(self) -> Worker:
        if not self._free.empty():
            return self._free.get_nowait()
        return await asyncio.wait_for(self._free.get(), self.config.worker_timeout)

    def _restart(self, worker: Worker) -> None:
        if self._closing:
            return

        async def again() -> None:
            await worker.stop()
            try:
                await worker.start()
            except WorkerDied as error:
                log.error("a worker did not start again: %s", error)
                return
            self._free.put_nowait(worker)

        task = asyncio.create_task(again())
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)


def _message(request: web.Request, body: bytes) -> dict[str, Any]:
    """The event as the platform passes it to a worker."""
    return {
        "body": body,
        "content_type": request.headers.get("Content-Type", ""),
        "trigger": {"kind": "http", "name": "http"},
        "fields": dict(request.query),
        # Go's canonical form of header names.
        "headers": {"-".join(part.capitalize() for part in k.split("-")): v for k, v in request.headers.items()},
        "id": str(uuid.uuid4()),
        "method": request.method,
        "path": request.path,
        "size": len(body),
        "timestamp": time.time(),
        "url": str(request.rel_url),
        "shard_id": 0,
        "num_shards": 0,
        "type": "",
        "type_version": "",
        "version": "",
    }


def _response(reply: dict[str, Any]) -> web.Response:
    encoded = reply["body_encoding"] == "base64"
    body = base64.b64decode(reply["body"]) if encoded else reply["body"].encode()
    headers = {**reply["headers"], "Server": "nuclio", "Content-Type": reply["content_type"]}
    if reply["logs"] and len(reply["logs"]) < MAX_LOGS_HEADER:
        headers["X-Nuclio-Logs"] = reply["logs"]
    return web.Response(status=reply["status_code"], body=body, headers=headers)

