"""The client and all its parts: no wrong reply is accepted and no batch is lost, whatever the network does."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from examples.sample_clip import Image
from faceblur.base.errors import FunctionError, InvalidReply
from faceblur.detection import retry_policy
from faceblur.detection.client import FunctionClient
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur.detection.reply import CheckedReply
from faceblur_function import images
from tests.support.batches import OPTIONS, echo, image, use
from tests.support.hostile import FAULTS, LIES, HostileProxy, Server, scripted


@pytest.mark.parametrize("return_frames", [True, False])
def test_a_hundred_batches_through_a_hostile_proxy(
    local_function: LocalFunction, face: Image, return_frames: bool
) -> None:
    """Half of all exchanges are broken: every batch comes back once, complete, and with its own answer."""
    images_of_faces = [np.roll(face[:256:4, 128:384:4], 3 * index, axis=1) for index in range(40)]
    batches = [
        [images.encode_image(images_of_faces[(5 * batch + index) % 40], "jpeg", 90) for index in range(2)]
        for batch in range(100)
    ]

    async def main() -> tuple[list[CheckedReply], list[CheckedReply], HostileProxy]:
        proxy = HostileProxy(local_function.url, share=0.5)
        async with (
            FunctionClient([local_function.url], concurrency=4) as plain,
            proxy,
            FunctionClient([proxy.url], concurrency=8, give_up_after=300) as client,
        ):
            await client.probe()

            async def one(images: list[bytes]) -> CheckedReply:
                return await client.send(images, OPTIONS, return_frames=return_frames)

            found = await asyncio.gather(*(one(batch) for batch in batches))
            expected = [await plain.send(batch, OPTIONS, return_frames=return_frames) for batch in batches[:8]]
            return list(found), expected, proxy

    found, expected, proxy = asyncio.run(main())
    assert all(proxy.done[fault] for fault in FAULTS + LIES), proxy.done
    for index, answer in enumerate(found):
        assert answer.faces == expected[index % 8].faces
        assert answer.frames == expected[index % 8].frames


def test_never_more_requests_than_concurrency() -> None:
    active, most, full = 0, 0, asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal active, most
        active += 1
        most = max(most, active)
        body = await request.json()
        if active == 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0.001)  # time for one more than there may be
        active -= 1
        return web.json_response(echo(body))

    async def many(client: FunctionClient) -> None:
        await asyncio.gather(*(client.send([image(9)], OPTIONS, return_frames=True) for _ in range(40)))

    use(Server(answer), many, concurrency=3)
    assert most == 3


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (scripted(200, info={"version": 2}), "no faceblur function"),
        (scripted(200, info={"model": None}), "no faceblur function"),
    ],
)
def test_probe_refuses_what_is_no_faceblur_function(server: Server, message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        use(server, lambda client: client.probe())


@pytest.mark.parametrize(
    ("announced", "answer", "message"),
    [
        ({"digests": True}, {"digests": None}, "the answer holds no digests"),
        ({}, {"model": "other"}, "the answer is by other, but the function ran m at the beginning"),
    ],
)
def test_each_answer_has_to_be_what_the_function_announced(
    monkeypatch: pytest.MonkeyPatch, announced: dict[str, Any], answer: dict[str, Any], message: str
) -> None:
    async def send_after_probe(client: FunctionClient) -> None:
        await client.probe()
        await client.send([image(9)], OPTIONS, return_frames=True)

    monkeypatch.setattr(retry_policy, "MAX_INVALID_REPLIES", 1)
    with pytest.raises(InvalidReply, match=message):
        use(scripted(lambda body: echo(body) | answer, info=announced), send_after_probe)
