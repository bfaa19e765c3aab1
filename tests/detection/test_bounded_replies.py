"""No answer takes more memory than what was sent can lead to, packed or not."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from faceblur.base.errors import FunctionError, InvalidReply, RequestRejected, Unavailable
from faceblur.detection import retry_policy
from faceblur.detection.client import FunctionClient
from faceblur.detection.request_body import encode_request
from faceblur_function import wire
from tests.support.batches import OPTIONS, echo, image, send, use
from tests.support.hostile import Server, scripted

MIB = 1 << 20
PIECE = b" " * MIB


@pytest.fixture(autouse=True)
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "MAX_INVALID_REPLIES", 1)


class Flood(Server):
    """A function that answers with a body that hardly ends; `sent` counts its bytes."""

    def __init__(self, status: int = 200, *, to: str = "POST") -> None:
        super().__init__(self._answer)
        self._status, self._to, self.sent = status, to, 0

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if request.method != self._to:
            return web.json_response({"version": 1, "model": "m", "device": "d"})
        response = web.StreamResponse(status=self._status)
        await response.prepare(request)
        try:
            for _ in range(600):
                await response.write(PIECE)
                self.sent += MIB
        except (ConnectionError, asyncio.CancelledError):
            pass
        return response


def packed(content: bytes, encoding: str = "gzip") -> Callable[[Any], web.Response]:
    return lambda _: web.Response(body=content, headers={"Content-Encoding": encoding})


def test_an_answer_without_end_is_refused_after_what_was_sent_can_lead_to() -> None:
    flood = Flood()
    with pytest.raises(InvalidReply, match="the answer is larger than"):
        use(flood, send([image(9)]))
    assert flood.sent <= 16 * MIB  # what lay in the sockets' buffers


def test_an_error_without_end_keeps_its_meaning() -> None:
    flood = Flood(403)
    with pytest.raises(RequestRejected, match="HTTP 403"):
        use(flood, send([image(9)]))
    assert flood.sent <= 16 * MIB


def test_a_probe_without_end_is_no_function() -> None:
    flood = Flood(to="GET")
    with pytest.raises(RequestRejected, match="no faceblur function: the answer is larger than 65536 bytes"):
        use(flood, FunctionClient.probe)
    assert flood.sent <= 16 * MIB


def test_a_packed_answer_is_counted_unpacked() -> None:
    bomb = gzip.compress(bytes(256 * MIB), 1)
    assert len(bomb) < 2 * MIB
    start = time.process_time()
    with pytest.raises(InvalidReply, match="the answer is larger than"):
        use(scripted(packed(bomb)), send([image(9)]))
    assert time.process_time() - start < 5


def test_a_packed_answer_is_used() -> None:
    def answer(body: dict[str, Any]) -> web.Response:
        return packed(gzip.compress(json.dumps(echo(body)).encode()))(body)

    assert use(scripted(answer), send([image(9)])).frames == [image(9)]


@pytest.mark.parametrize("change", [lambda content: content[:-9], lambda content: content[:20] + b"x" + content[21:]])
def test_a_packed_answer_that_is_cut_or_damaged_is_not(change: Callable[[bytes], bytes]) -> None:
    def answer(body: dict[str, Any]) -> web.Response:
        return packed(change(gzip.compress(json.dumps(echo(body)).encode())))(body)

    with pytest.raises((Unavailable, InvalidReply)):
        use(scripted(answer), send([image(9)]), give_up_after=0.1)


def test_another_packing_than_was_asked_for_is_refused() -> None:
    with pytest.raises(FunctionError, match="packed by br"):
        use(scripted(packed(b"abc", "br")), send([image(9)]))


def test_the_bound_grows_with_what_is_sent() -> None:
    def bound(images: list[bytes], **options: Any) -> int:
        return encode_request(images, wire.RequestOptions(**options), return_frames=True).max_reply_bytes

    one = bound([image(9)])
    assert bound([image(9)] * 8) > 4 * one and bound([image(9, 4000)]) > one
    assert bound([image(9, 640)], format="png") >= one + 4 * 640 * 640
    assert bound([image(9)] * 64) < 32 * MIB
    assert OPTIONS.format == "jpeg"
