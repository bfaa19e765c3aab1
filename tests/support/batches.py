"""Batches of plain frames, a client to send them with, and the valid answer to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from faceblur.detection.client import FunctionClient
from faceblur.detection.reply import CheckedReply
from faceblur_function import images, wire
from tests.support.hostile import Server

OPTIONS = wire.RequestOptions()


def image(shade: int, size: int = 16) -> bytes:
    return images.encode_image(np.full((size, size, 3), shade, np.uint8), "jpeg", 95)


def echo(body: dict[str, Any]) -> dict[str, Any]:
    """A valid answer of a function that detects no face."""
    frames = body["frames"]
    return {
        "version": 1,
        "model": "m",
        "device": "d",
        "frames": frames,
        "faces": [[] for _ in frames],
        "timings_ms": {},
        "digests": [wire.digest(frame, frame, []) for frame in frames],
    }


def use(server: Server, work: Callable[[FunctionClient], Coroutine[Any, Any, Any]], **more: Any) -> Any:
    async def main() -> Any:
        async with server, FunctionClient([server.url], **({"concurrency": 4, "give_up_after": 5.0} | more)) as client:
            return await work(client)

    return asyncio.run(main())


def send(images: list[bytes]) -> Callable[[FunctionClient], Coroutine[Any, Any, CheckedReply]]:
    return lambda client: client.send(images, OPTIONS, return_frames=True)
