"""A deployed function is checked with one real face before it gets any footage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from faceblur.base.errors import FunctionError
from faceblur.detection.connect import connect
from faceblur.detection.endpoint import Endpoint
from faceblur.detection.function_check import check_url
from faceblur_function import images, self_check, wire
from tests.support.batches import use
from tests.support.hostile import CHECK, INFO, Server

PASSED = CHECK | {"new field": 1}
FAILED = PASSED | {"ok": False, "reason": "no face was detected in an image that shows one"}
Check = Callable[[], web.Response]


class Function:
    """A function whose `GET /check` gives these answers in turn; a POST is answered with a hidden face, or without."""

    def __init__(self, *checks: Check, hides: bool = True) -> None:
        self.checks, self.hides = list(checks), hides
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        if request.path == "/check":
            return self.checks.pop(0)()
        if request.method == "GET":
            return web.json_response(INFO)
        (text,) = (await request.json())["frames"]
        frame = images.decode_image(wire.decode_base64(text))
        if self.hides:
            frame[self_check.FACE] = 0
        box = {"box": [114, 57, 209, 177], "score": 0.9}
        returned = wire.encode_base64(images.encode_image(frame, "png", 95))
        return web.json_response(INFO | {"frames": [returned], "faces": [[box]], "timings_ms": {}})


def status(number: int, body: Any = None) -> Check:
    return lambda: web.json_response(body, status=number) if body else web.Response(status=number)


def run(function: Function, work: Callable[[Any], Awaitable[Any]] = lambda client: client.check()) -> Any:
    async def checked(client: Any) -> Any:
        return await work(client)

    return use(Server(function.handle), checked, timeout=5.0)


def test_its_own_check_is_asked_and_no_image_is_sent() -> None:
    function = Function(status(200, PASSED))
    assert run(function).ok
    assert function.asked == ["GET /check"]


def test_a_failed_check_is_final_although_its_status_is_that_of_a_busy_function() -> None:
    function = Function(status(503, FAILED))
    with pytest.raises(FunctionError, match="no face was detected"):
        run(function)
    assert function.asked == ["GET /check"]


def test_a_busy_function_is_asked_again() -> None:
    assert run(Function(status(503), status(500), status(200, PASSED))).ok


@pytest.mark.parametrize("answer", [status(404), status(405), status(403), status(200, INFO), status(200, FAILED)])
def test_a_function_without_the_check_is_sent_the_image(answer: Check) -> None:
    function = Function(answer)
    assert run(function).detail_left < 0.3
    assert function.asked == ["GET /check", "POST /"]
    with pytest.raises(FunctionError, match="not blurred"):
        run(Function(answer, hides=False))


def test_every_url_is_checked_before_a_client_is_given_out() -> None:
    good, bad = Function(status(200, PASSED)), Function(status(503, FAILED))

    async def main() -> None:
        async with Server(good.handle) as one, Server(bad.handle) as two, connect(Endpoint((one.url, two.url))):
            raise AssertionError("a client was given out")

    with pytest.raises(FunctionError, match="no face was detected"):
        asyncio.run(main())
    assert good.asked == ["GET /", "GET /check"]


def test_a_gateway_s_path_and_query_are_kept() -> None:
    assert check_url("http://host:8080") == "http://host:8080/check"
    assert check_url("https://host/faces/?key=1") == "https://host/faces/check?key=1"
