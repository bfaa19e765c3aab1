"""What is tried again and what is not: every failure of the function, the platform and the network."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from faceblur.base.errors import FunctionError, InvalidReply, RequestRejected, Unavailable
from faceblur.detection.client import FunctionClient
from tests.support.batches import OPTIONS, echo, image, send, use
from tests.support.hostile import Server, scripted


@pytest.mark.parametrize("failure", [408, 429, 500, 502, 503, 504])
def test_statuses_that_may_pass_are_tried_again(failure: int) -> None:
    answer = use(scripted(failure, failure, echo), send([image(9)]))
    assert answer.frames == [image(9)]


@pytest.mark.parametrize("failure", [400, 401, 403, 404, 405, 301])
def test_refusals_are_final(failure: int) -> None:
    began = time.monotonic()
    with pytest.raises(RequestRejected, match=f"HTTP {failure}"):
        use(scripted(failure, echo), send([image(9)]))
    assert time.monotonic() - began < 2


def test_gives_up_after_the_stated_time() -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable, match="HTTP 503; gave up after"):
        use(scripted(503), send([image(9)]), give_up_after=1.0)
    assert 0.9 < time.monotonic() - began < 5


def test_silent_function_times_out() -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    with pytest.raises(Unavailable, match=r"no answer within 0.2 s"):
        use(Server(never), send([image(9)]), timeout=0.2, give_up_after=0.5)


def test_request_that_times_out_is_tried_again_whatever_the_patience() -> None:
    calls = 0

    async def hangs_once(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(5)
        return web.json_response(echo(await request.json()))

    assert use(Server(hangs_once), send([image(9)]), timeout=0.5, give_up_after=0.5).frames == [image(9)]


def test_waiting_behind_other_requests_does_not_use_patience_up() -> None:
    calls = 0

    async def refuses_late(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        body = await request.json()
        await asyncio.sleep(0.4)
        return web.Response(status=503) if calls in (5, 6) else web.json_response(echo(body))

    async def many(client: FunctionClient) -> None:
        await asyncio.gather(*(client.send([image(9)], OPTIONS, return_frames=True) for _ in range(6)))

    use(Server(refuses_late), many, concurrency=1, give_up_after=1.0)


def test_json_error_is_reported_in_one_line() -> None:
    error = web.json_response({"error": {"code": "bad_image", "message": "frame 0: not an image"}}, status=400)
    with pytest.raises(RequestRejected, match="frame 0: not an image") as caught:
        use(scripted(error), send([image(9)]))
    assert "\n" not in str(caught.value)


def test_function_that_is_always_wrong_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceblur.detection.retry_policy.MAX_INVALID_REPLIES", 3)
    with pytest.raises(InvalidReply, match="does not hold 1 frames"):
        use(scripted(lambda body: echo(body) | {"frames": []}), send([image(9)]), give_up_after=60.0)


@pytest.mark.parametrize(
    ("url", "message"),
    [("http://127.0.0.1:9", "cannot connect"), ("ftp://x", "no HTTP address"), ("nonsense", "no HTTP address")],
)
def test_probe_of_a_wrong_address_fails_within_seconds(url: str, message: str) -> None:
    async def main() -> None:
        async with FunctionClient([url], concurrency=1) as client:
            await client.probe()

    began = time.monotonic()
    with pytest.raises(FunctionError, match=message):
        asyncio.run(main())
    assert time.monotonic() - began < 12


def test_probe_waits_for_a_function_that_is_busy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("faceblur.detection.client.MAX_UNREACHABLE_SECONDS", 0.2)
    calls = 0

    async def busy(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.4)
        return (
            web.Response(status=503) if calls == 1 else web.json_response({"version": 1, "model": "m", "device": "d"})
        )

    assert use(Server(busy), lambda client: client.probe()).model == "m"
    assert "its workers may be busy" in caplog.text
