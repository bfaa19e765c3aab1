"""A proxy between driver and function that breaks what passes through, and a function whose answers are given."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, Self

import aiohttp
from aiohttp import web

from faceblur_function import wire

BOMB = gzip.compress(bytes(64 << 20), 1)
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
# Answers that are complete and whose digests are right. What is wrong is in each of them by itself.
LIES = (
    "corners swapped",
    "boxes empty",
    "boxes off the frame",
    "boxes huge",
    "scores negative",
    "scores high",
    "ten thousand faces",
    "another model",
    "without end",
    "packed without end",
)
# Only the frames show these: with boxes alone nobody can know.
LIES_ABOUT_FRAMES = ("lists emptied", "one face less", "boxes elsewhere", "original back, digests right")
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

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class HostileProxy(Server):
    """Forwards to `target`, but breaks a `share` of the exchanges, each in one of the ways in `faults`."""

    def __init__(self, target: str, *, share: float, faults: tuple[str, ...] = FAULTS + LIES, seed: int = 1) -> None:
        super().__init__(self._forward)
        self._target, self._share, self._faults = target, share, faults
        self._random = random.Random(seed)
        self._earlier: bytes | None = None
        self.done: dict[str, int] = dict.fromkeys(faults, 0)
        self.requests = 0

    def _next_fault(self) -> str:
        """One of those that were least used."""
        least = min(self.done.values())
        return self._random.choice([one for one in self._faults if self.done[one] == least])

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self._next_fault() if self._random.random() < self._share else None
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
        if fault == "packed without end":
            return web.Response(body=BOMB, headers={"Content-Encoding": "gzip"}, content_type="application/json")
        if fault == "without end":
            return await self._flood(request)
        if fault in LIES + LIES_ABOUT_FRAMES:
            return web.json_response(lie(fault, json.loads(content), json.loads(body)["frames"]))
        return web.Response(status=status, body=self._break(fault, content, body), content_type="application/json")

    @staticmethod
    async def _flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(bytes(1 << 20))
        except (ConnectionError, asyncio.CancelledError):
            pass
        return response

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


def lie(kind: str, reply: dict[str, Any], sent: list[str]) -> dict[str, Any]:
    """A reply to the frames that were `sent`, with something in it that is not so. Its digests are right."""
    faces = [face for its_faces in reply["faces"] for face in its_faces]
    for face in faces:
        x1, y1, x2, y2 = face["box"]
        width, height = x2 - x1, y2 - y1
        face["box"] = {
            "corners swapped": [x2, y2, x1, y1],
            "boxes empty": [x1, y1, x1, y2],
            "boxes off the frame": [-x2 - 9, -y2 - 9, -9, -9],
            "boxes huge": [-1e308, -1e308, 1e308, 1e308],
            "boxes elsewhere": [max(0.0, x1 - 2 * width), y1, max(0.0, x1 - 2 * width) + width, y1 + height],
        }.get(kind, face["box"])
        face["score"] = {"scores negative": -1.0, "scores high": 1e9}.get(kind, face["score"])
    if kind == "ten thousand faces":
        reply["faces"][0] = [{"box": [0.0, 0.0, 1.0, 1.0], "score": 0.1, "landmarks": []}] * 10_000
    elif kind == "another model":
        reply["model"] = "\x1b[31manother"
    elif kind == "lists emptied":
        reply["faces"] = [[] for _ in reply["faces"]]
    elif kind == "one face less":
        reply["faces"] = [its_faces[1:] for its_faces in reply["faces"]]
    elif kind == "original back, digests right":
        reply["frames"] = sent
    reply["digests"] = [
        # The constructed faces are not validated: their numbers are wrong.
        wire.digest(text, reply["frames"][index] if "frames" in reply else "", map(as_listed, reply["faces"][index]))
        for index, text in enumerate(sent)
    ]
    return reply


def as_listed(face: dict[str, Any]) -> wire.Face:
    points = [tuple(point) for point in face["landmarks"]]
    return wire.Face.model_construct(box=tuple(face["box"]), score=face["score"], landmarks=points)


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
