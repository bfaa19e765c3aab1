"""What is tried again and what is not: every failure of the function, the platform and the network."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from faceblur.base.errors import FunctionError, InvalidReply, RequestRejected, Unavailable
from faceblur.detection import retry_policy
from faceblur.detection.client import FunctionClient
from faceblur.detection.exchange import AttemptFailed, ConnectionBroken, Response, Unreachable
from faceblur.detection.http_transport import HttpTransport
from faceblur_function import wire
from tests.support.batches import OPTIONS, echo, image, send, use
from tests.support.hostile import Server, first_contact, scripted


@pytest.mark.parametrize("failure", [408, 429, 500, 502, 503, 504])
def test_statuses_that_may_pass_are_tried_again(failure: int) -> None:
    answer = use(scripted(failure, failure, echo), send([image(9)]))
    assert answer.frames == [image(9)]


@pytest.mark.parametrize("failure", [400, 401, 403, 404, 405, 301])
def test_refusals_are_final(failure: int) -> None:
    with pytest.raises(RequestRejected, match=f"HTTP {failure}"):
        use(scripted(failure, echo), send([image(9)]))  # a second attempt would succeed


def test_a_function_that_does_not_know_a_field_may_be_an_older_one() -> None:
    content = wire.WireError("unknown_field", "unknown field 'alone'").to_json().encode()
    with pytest.raises(RequestRejected, match="'alone'; it may be of an older version than this program: deploy it"):
        retry_policy.check_status("http://f", Response(400, content, 0.0, 0.0, 0.0))


class Clock:
    """The time as the client sees it: it passes only while a request is being answered."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("client", "retry_policy"):
        monkeypatch.setattr(f"faceblur.detection.{module}.time", clock)
    return clock


def test_gives_up_after_the_stated_time(clock: Clock) -> None:
    calls = 0

    async def refuses(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        clock.now += 0.3
        return web.Response(status=503)

    with pytest.raises(Unavailable, match="HTTP 503; gave up after"):
        use(Server(refuses), send([image(9)]), give_up_after=1.0)
    assert calls == 4


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
            await asyncio.sleep(60)
        return web.json_response(echo(await request.json()))

    assert use(Server(hangs_once), send([image(9)]), timeout=2.0, give_up_after=2.0).frames == [image(9)]


def test_waiting_behind_other_requests_does_not_use_patience_up(clock: Clock) -> None:
    attempts = Counter[str]()

    async def refuses_late(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        (frame,) = body["frames"]
        attempts[frame] += 1
        clock.now += 0.4
        is_last = list(attempts).index(frame) == 5
        return web.Response(status=503) if is_last and attempts[frame] <= 2 else web.json_response(echo(body))

    async def many(client: FunctionClient) -> None:
        batches = [[image(20 * index)] for index in range(6)]
        await asyncio.gather(*(client.send(batch, OPTIONS, return_frames=True) for batch in batches))

    use(Server(refuses_late), many, concurrency=1, give_up_after=1.0)
    assert sorted(attempts.values()) == [1, 1, 1, 1, 1, 3] and clock.now > 3


class Failures:
    """A batch that fails with these errors in turn, without waiting; `waits` gets the seconds that it would wait."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.waits = list(errors), list[float]()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self) -> list[float]:
        batch = retry_policy.BatchAttempts(1, give_up_after=1e6, on_retry=lambda error: None)
        async for attempt in batch.attempts().copy(sleep=self.sleep):
            with attempt:
                if self.errors:
                    raise self.errors.pop(0)
        return self.waits


@pytest.mark.parametrize("error", [Unreachable("cannot connect"), ConnectionBroken("the connection broke")])
def test_a_function_that_is_away_is_asked_again_within_a_second_however_long_it_was_away(error: Exception) -> None:
    waits = asyncio.run(Failures(*[error] * 500).run())
    assert len(waits) == 500
    assert min(waits) > 0 and max(waits) < 1 and len(set(waits)) > 400


def test_an_overloaded_function_is_asked_less_and_less_often() -> None:
    busy = AttemptFailed("HTTP 503")
    waits = asyncio.run(Failures(*[busy] * 400).run())
    assert max(waits[:2]) <= 0.5 and 5 < max(waits[10:]) <= 10
    # What it was away before does not count.
    waits = asyncio.run(Failures(*[Unreachable("cannot connect")] * 50, busy).run())
    assert waits[-1] <= 0.25


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
def test_probe_of_a_wrong_address_fails_whatever_the_patience(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert retry_policy.MAX_UNREACHABLE_SECONDS < 12
    monkeypatch.setattr(retry_policy, "MAX_UNREACHABLE_SECONDS", 0.2)

    async def main() -> None:
        async with FunctionClient([url], concurrency=1, timeout=1e6, give_up_after=1e6) as client:
            await client.probe()

    with pytest.raises(FunctionError, match=message):
        asyncio.run(main())


def test_probe_waits_longer_where_connections_are_taken_and_broken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By docker's proxy, for a container that loads its model."""
    assert 20 <= retry_policy.MAX_BROKEN_SECONDS <= 60
    monkeypatch.setattr(retry_policy, "MAX_UNREACHABLE_SECONDS", 0.0)
    monkeypatch.setattr("faceblur.detection.client.BUSY_NOTICE_SECONDS", 0.2)
    calls = 0

    async def starting(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls < 4:
            assert request.transport is not None
            request.transport.abort()
        return first_contact(request)

    assert use(Server(starting), lambda client: client.probe(), timeout=1e6).model == "m"
    assert "; waiting up to 30 s" in caplog.text
    monkeypatch.setattr(retry_policy, "MAX_BROKEN_SECONDS", 0.0)
    calls = 0
    with pytest.raises(FunctionError, match="connection"):
        use(Server(starting), lambda client: client.probe(), timeout=1e6)


@pytest.mark.parametrize(("number", "seconds"), [(errno.ECONNRESET, 30.0), (errno.ECONNREFUSED, 5.0)])
def test_a_connection_may_break_before_the_client_has_it(
    number: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(address: Any) -> Any:
        raise OSError(number, "as the kernel says when the client looks")

    monkeypatch.setattr("faceblur.detection.http_transport._socket", fails)

    async def main() -> None:
        async with HttpTransport(None, None) as transport:
            await transport.exchange("http://127.0.0.1:9", "GET", None, 1.0)

    with pytest.raises(Unreachable, match="cannot connect") as caught:
        asyncio.run(main())
    assert retry_policy.patience(caught.value, 120.0) == seconds


def test_probe_waits_for_a_function_that_is_busy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("faceblur.detection.client.BUSY_NOTICE_SECONDS", 0.2)
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


@pytest.mark.parametrize("status", [429, 503])
def test_the_next_attempt_is_not_before_the_stated_time(status: int) -> None:
    times: list[float] = []

    def answer(body: dict[str, Any]) -> Any:
        times.append(time.monotonic())
        return web.Response(status=status, headers={"Retry-After": "2"}) if len(times) == 1 else echo(body)

    assert use(scripted(answer), send([image(9)]), give_up_after=20).frames == [image(9)]
    assert 2 <= times[1] - times[0] < 20


def test_a_stated_time_beyond_the_end_is_cut_to_it() -> None:
    start = time.monotonic()
    busy = scripted(lambda _: web.Response(status=503, headers={"Retry-After": "86400"}))
    with pytest.raises(Unavailable, match="HTTP 503; gave up after 1 s"):
        use(busy, send([image(9)]), give_up_after=1)
    assert 1 <= time.monotonic() - start < 20


def test_another_address_takes_the_request_meanwhile() -> None:
    async def main() -> float:
        busy = scripted(lambda _: web.Response(status=503, headers={"Retry-After": "60"}))
        free = scripted(echo)
        async with busy, free, FunctionClient([busy.url, free.url], concurrency=1, give_up_after=90) as client:
            start = time.monotonic()
            for _ in range(4):
                await client.send([image(9)], OPTIONS, return_frames=True)
            return time.monotonic() - start

    assert asyncio.run(main()) < 50


def test_a_probe_waits_for_the_stated_time() -> None:
    times: list[float] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        if len(times) == 1:
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.json_response({"version": 1, "model": "m", "device": "d"})

    use(Server(answer), FunctionClient.probe)
    assert times[1] - times[0] >= 1


def test_an_error_is_one_line_without_what_a_terminal_obeys() -> None:
    for body in ({"error": {"message": "a\x1b[31mb\nc"}}, "a\x1b[31mb\nc", "[" * 100_000):
        refusal = web.Response(status=403, text=body if isinstance(body, str) else json.dumps(body))
        with pytest.raises(RequestRejected, match="HTTP 403") as raised:
            use(scripted(lambda _, refusal=refusal: refusal), send([image(9)]))
        assert str(raised.value).isprintable() and len(str(raised.value)) < 400
