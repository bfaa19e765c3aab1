"""Batches that the platform takes for too large are sent in halves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from faceblur.base.errors import RequestTooLarge
from faceblur.detection.client import FunctionClient
from faceblur.detection.reply import CheckedReply
from faceblur_function import wire
from tests.support.batches import OPTIONS, echo, image, send, use
from tests.support.hostile import Server, scripted


def face(number: int) -> dict[str, Any]:
    """A face whose box says which frame it is of."""
    return {"box": [0, 0, number + 1, 5], "score": 0.9}


@pytest.mark.parametrize("refusal", [(400, "Error when parsing request"), (413, "too large"), (507, "")])
def test_body_that_is_too_large_is_halved(refusal: tuple[int, str]) -> None:
    sizes: list[int] = []

    def small_only(body: dict[str, Any]) -> Any:
        sizes.append(len(body["frames"]))
        if len(body["frames"]) > 3:
            return web.Response(status=refusal[0], text=refusal[1])
        shades = [images.index(wire.decode_base64(text)) for text in body["frames"]]
        return echo(body) | {"faces": [[face(one)] for one in shades], "digests": None}

    images = [image(shade) for shade in range(0, 110, 10)]

    async def twice(client: FunctionClient) -> list[CheckedReply]:
        return [await client.send(images, OPTIONS, return_frames=True) for _ in range(2)]

    for answer in use(scripted(small_only), twice):
        assert answer.frames == images
        assert [faces[0].box[2] for faces in answer.faces] == [*range(1, 12)]
    # The second batch is split before it is sent: what is too large was learnt from the first.
    assert sizes.count(11) == 1


def test_single_frame_that_is_too_large_is_an_error() -> None:
    with pytest.raises(RequestTooLarge, match="even with a single frame"):
        use(scripted(web.Response(status=413)), send([image(9)]))
    failure = web.json_response({"error": {"message": "the function's memory ran out"}}, status=507)
    with pytest.raises(RequestTooLarge, match=r"even with a single frame: HTTP 507 the function's memory ran out$"):
        use(scripted(failure), send([image(9)]))


def test_connection_that_always_breaks_on_large_bodies_is_halved() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if len(body["frames"]) > 2:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(echo(body))

    images = [image(shade) for shade in range(0, 40, 10)]
    assert use(Server(answer), send(images), give_up_after=20.0).frames == images


def test_connections_that_break_while_the_function_is_away_halve_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As docker's proxy does: it takes the connections for a container that starts again, and breaks them."""
    monkeypatch.setattr("faceblur.detection.retry_policy.AWAY_SECONDS", (0.0, 0.01))
    sizes: list[int] = []
    breaks = 0

    async def away_at_first(request: web.Request) -> web.StreamResponse:
        nonlocal breaks
        body = await request.read()
        if breaks < 12:
            breaks += 1
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if request.method == "GET":
            return web.Response(status=503)  # it is there, and has no worker
        sizes.append(len(json.loads(body)["frames"]))
        return web.json_response(echo(json.loads(body)))

    images = [image(shade) for shade in range(0, 40, 10)]
    assert use(Server(away_at_first), send(images), give_up_after=20.0).frames == images
    assert (breaks, sizes) == (12, [4])
