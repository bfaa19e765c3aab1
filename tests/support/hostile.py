"""A proxy between driver and function that breaks what passes through, and a function whose answers are given."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FAULTS = (
    "reset before",
    "reset after",
    "503",
    "500",
    "408",
    "slow",
    "cut",
    "garbage",
    "not JSON",
    "frames reversed",
    "everything reversed",
    "swapped",
    "one frame missing",
    "one frame twice",
    "boxes gone",
    "boxes moved",
    "original back",
)
# What a function answers to `GET /` and `GET /check`.
INFO = {"version": 1, "model": "m", "device": "d"}
CHECK = {"ok": True, "detail_left": 0.05, "model": "m", "device": "d", "ms": 1.0}


def first_contact(request: web.Request, info: dict[str, Any] = INFO) -> web.Response:
    """The answer of a function that passes its check, to a GET."""
    return web.json_response(CHECK if request.path == "/check" else info)


class Server:
    """An aiohttp server on a free port of this machine; an async context manager with a `url`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


class HostileProxy(Server):
    """Forwards to `target`, but breaks a `share` of the exchanges, each in one of the ways in `faults`."""

    def __init__(self, target: str, *, share: float, faults: tuple[str, ...] = FAULTS, seed: int = 1) -> None:
        super().__init__(self._forward)
        self._target, self._share, self._faults = target, share, faults
        self._random = random.Random(seed)
        self._earlier: bytes | None = None
        self.done: dict[str, int] = dict.fromkeys(faults, 0)
        self.requests = 0

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self._random.choice(self._faults) if self._random.random() < self._share else None
        if request.method == "GET":
            fault = None
        else:
            self.requests += 1
        if fault:
            self.done[fault] += 1
        if fault == "reset before":
            return self._reset(request)
        if fault in ("503", "500", "408"):
            text = {"503": "", "500": "Exception caught in handler", "408": '{"error": "handler timed out"}'}[fault]
            return web.Response(status=int(fault), text=text)
        async with aiohttp.ClientSession() as session:
            headers = {"Content-Type": request.headers.get("Content-Type", "")}
            async with session.request(
                request.method, self._target + request.path, data=body, headers=headers
            ) as reply:
                status, content = reply.status, await reply.read()
        if fault == "reset after":
            return self._reset(request)
        if fault == "slow":
            await asyncio.sleep(0.5)
        if fault == "cut":
            response = web.StreamResponse(status=status, headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[: len(content) // 2])
            return self._reset(request)
        return web.Response(status=status, body=self._break(fault, content, body), content_type="application/json")

    def _break(self, fault: str | None, content: bytes, sent: bytes) -> bytes:
        earlier, self._earlier = self._earlier, content
        if fault == "garbage":
            return self._random.randbytes(1000)
        if fault == "not JSON":
            return content[: len(content) // 2]
        if fault == "swapped" and earlier is not None:
            return earlier
        if fault is None or fault in ("slow", "swapped"):
            return content
        reply = json.loads(content)
        lists = [name for name in ("frames", "faces", "digests") if name in reply]
        if fault == "frames reversed":
            reply["frames" if "frames" in reply else "faces"].reverse()
        elif fault == "everything reversed":
            for name in lists:
                reply[name].reverse()
        elif fault == "one frame missing":
            for name in lists:
                reply[name].pop()
        elif fault == "one frame twice":
            for name in lists:
                reply[name].append(reply[name][-1])
        elif fault == "original back" and "frames" in reply:
            reply["frames"] = json.loads(sent)["frames"]
        elif fault == "boxes gone":
            reply["faces"] = [[] for _ in reply["faces"]]
        elif fault == "boxes moved":
            for faces in reply["faces"]:
                for face in faces:
                    face["box"] = [value + 40 for value in face["box"]]
        return json.dumps(reply).encode()

    @staticmethod
    def _reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


class SlowProxy(Server):
    """Forwards to `target` over a line that all share and that carries so many bytes a second."""

    def __init__(self, target: str, *, bytes_a_second: float) -> None:
        super().__init__(self._forward)
        self._target, self._rate, self._line = target, bytes_a_second, asyncio.Lock()

    async def _carry(self, size: int) -> None:
        async with self._line:
            await asyncio.sleep(size / self._rate)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        body = bytearray()
        while chunk := await request.content.read(1 << 14):
            await self._carry(len(chunk))
            body += chunk
        headers = {"Content-Type": request.headers.get("Content-Type", "")}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, self._target + request.path, data=bytes(body), headers=headers) as reply,
        ):
            content = await reply.read()
        response = web.StreamResponse(status=reply.status, headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        for start in range(0, len(content), 1 << 14):
            await self._carry(1 << 14)
            await response.write(content[start : start + (1 << 14)])
        return response


def scripted(*replies: Any, info: dict[str, Any] | None = None) -> Server:
    """A function that gives these answers in turn, then the last for ever: a status, a body, or a callable."""
    remaining = list(replies)
    loaded = INFO | (info or {})

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return first_contact(request, loaded)
        body = await request.read()
        reply = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if callable(reply):
            reply = reply(json.loads(body))
        if isinstance(reply, web.StreamResponse):
            return reply
        if isinstance(reply, int):
            return web.Response(status=reply)
        return web.json_response(reply)

    return Server(answer)
