"""The client against functions that fail in every way: nothing wrong is ever accepted, nothing right is ever lost."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme
from aiohttp import web

from examples.sample_clip import Image
from faceblur.base.errors import FunctionError, InvalidReply, RequestRejected, RequestTooLarge, Unavailable
from faceblur.detection.client import FunctionClient
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur.detection.reply_checks import Answer, Sent, check_reply, encode_request
from faceblur_function import wire
from faceblur_function.images import encode_image
from tests.support.hostile import FAULTS, HostileProxy, Server, scripted

OPTIONS = wire.Options()


def image(shade: int, size: int = 16) -> bytes:
    return encode_image(np.full((size, size, 3), shade, np.uint8), "jpeg", 95)


def echo(body: dict[str, Any]) -> dict[str, Any]:
    """A right answer of a function that finds no face."""
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


def send(images: list[bytes]) -> Callable[[FunctionClient], Coroutine[Any, Any, Answer]]:
    return lambda client: client.send(images, OPTIONS, return_frames=True)


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


def test_json_error_is_told_in_one_line() -> None:
    error = web.json_response({"error": {"code": "bad_image", "message": "frame 0: not a picture"}}, status=400)
    with pytest.raises(RequestRejected, match="frame 0: not a picture") as caught:
        use(scripted(error), send([image(9)]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("refusal", [(400, "Error when parsing request"), (413, "too large")])
def test_body_that_is_too_large_is_halved(refusal: tuple[int, str]) -> None:
    sizes: list[int] = []

    def small_only(body: dict[str, Any]) -> Any:
        sizes.append(len(body["frames"]))
        return echo(body) if len(body["frames"]) <= 3 else web.Response(status=refusal[0], text=refusal[1])

    images = [image(shade) for shade in range(0, 110, 10)]

    async def twice(client: FunctionClient) -> list[Answer]:
        return [await client.send(images, OPTIONS, return_frames=True) for _ in range(2)]

    for answer in use(scripted(small_only), twice):
        assert answer.frames == images
    # The second batch is split before it is sent: what is too large was learnt from the first.
    assert sizes.count(11) == 1


def test_single_frame_that_is_too_large_is_an_error() -> None:
    with pytest.raises(RequestTooLarge, match="even with a single frame"):
        use(scripted(web.Response(status=413)), send([image(9)]))


def test_connection_that_always_breaks_on_large_bodies_is_halved() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if len(body["frames"]) > 2:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(echo(body))

    images = [image(shade) for shade in range(0, 40, 10)]
    assert use(Server(answer), send(images), give_up_after=20.0).frames == images


def right(images: list[bytes], **changes: Any) -> dict[str, Any]:
    return echo({"frames": [base64.b64encode(one).decode() for one in images]}) | changes


def sent(images: list[bytes]) -> Sent:
    return encode_request(images, OPTIONS, return_frames=True)


WRONG = {
    "version": {"version": 2},
    "no version": {"version": None},
    "no frames": {"frames": None},
    "fewer frames": {"frames": []},
    "fewer faces": {"faces": [[]]},
    "more faces": {"faces": [[], [], []]},
    "face without box": {"faces": [[{"score": 1}], []]},
    "box of three": {"faces": [[{"box": [1, 2, 3], "score": 1}], []]},
    "box of text": {"faces": [[{"box": ["a", 2, 3, 4], "score": 1}], []]},
    "box of infinities": {"faces": [[{"box": [1e999, 2, 3, 4], "score": 1}], []]},
    "frames that are no base64": {"frames": ["***", "***"], "digests": None},
    "frames that are no images": {"frames": ["aGVsbG8=", "aGVsbG8="], "digests": None},
    "frames of another size": {"frames": [base64.b64encode(image(1, 24)).decode()] * 2, "digests": None},
    "wrong digests": {"digests": ["0" * 64] * 2},
    "fewer digests": {"digests": []},
    "no digests": {"digests": None},
    "frames in another order": {"frames": [base64.b64encode(image(shade)).decode() for shade in (20, 10)]},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_replies_are_never_accepted(name: str) -> None:
    images = [image(10), image(20)]
    content = web.json_response(right(images, **WRONG[name])).body
    with pytest.raises(InvalidReply):
        check_reply(bytes(content), sent(images), return_frames=True, require_digests=name == "no digests")  # type: ignore[arg-type]


def test_reply_without_digests_passes_where_none_were_announced() -> None:
    images = [image(10)]
    content = web.json_response(right(images, digests=None)).body
    answer = check_reply(bytes(content), sent(images), return_frames=True, require_digests=False)  # type: ignore[arg-type]
    assert answer.frames == images


def test_frames_when_only_faces_were_asked_for_are_refused() -> None:
    with pytest.raises(InvalidReply):
        content = web.json_response(right([image(10)])).body
        check_reply(bytes(content), sent([image(10)]), return_frames=False, require_digests=False)  # type: ignore[arg-type]


def test_function_that_is_always_wrong_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceblur.detection.client.INVALID_REPLIES", 3)
    with pytest.raises(InvalidReply, match="does not hold 1 frames"):
        use(scripted(lambda body: echo(body) | {"frames": []}), send([image(9)]), give_up_after=60.0)


@pytest.mark.parametrize("return_frames", [True, False])
def test_two_hundred_batches_through_a_hostile_proxy(
    local_function: LocalFunction, face: Image, return_frames: bool
) -> None:
    """Half of all exchanges are broken: every batch comes back once, whole, and as its own answer."""
    pictures = [np.roll(face[::4, ::4], 3 * index, axis=1) for index in range(40)]
    batches = [
        [encode_image(pictures[(5 * batch + index) % 40], "jpeg", 90) for index in range(2)] for batch in range(200)
    ]

    async def main() -> tuple[list[Answer], list[Answer], HostileProxy]:
        proxy = HostileProxy(local_function.url, share=0.5)
        async with (
            FunctionClient([local_function.url], concurrency=4) as plain,
            proxy,
            FunctionClient([proxy.url], concurrency=8, give_up_after=300) as client,
        ):
            await client.probe()

            async def one(images: list[bytes]) -> Answer:
                return await client.send(images, OPTIONS, return_frames=return_frames)

            found = await asyncio.gather(*(one(batch) for batch in batches))
            expected = [await plain.send(batch, OPTIONS, return_frames=return_frames) for batch in batches[:40]]
            return list(found), expected, proxy

    found, expected, proxy = asyncio.run(main())
    assert all(proxy.done[fault] for fault in FAULTS), proxy.done
    for index, answer in enumerate(found):
        assert answer.faces == expected[index % 40].faces
        assert answer.frames == expected[index % 40].frames


def test_never_more_requests_than_concurrency() -> None:
    active, most = 0, 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal active, most
        active += 1
        most = max(most, active)
        body = await request.json()
        await asyncio.sleep(0.02)
        active -= 1
        return web.json_response(echo(body))

    async def many(client: FunctionClient) -> None:
        await asyncio.gather(*(client.send([image(9)], OPTIONS, return_frames=True) for _ in range(40)))

    use(Server(answer), many, concurrency=3)
    assert most == 3


def test_requests_are_spread_and_a_dead_address_is_survived() -> None:
    counts = [0, 0]

    def counting(index: int) -> Server:
        def answer(body: dict[str, Any]) -> dict[str, Any]:
            counts[index] += 1
            return echo(body)

        return scripted(answer)

    async def main() -> None:
        async with counting(0) as first, counting(1) as second:
            dead = "http://127.0.0.1:9"
            async with FunctionClient([first.url, second.url, dead], concurrency=4, give_up_after=10) as client:
                await asyncio.gather(*(client.send([image(9)], OPTIONS, return_frames=True) for _ in range(40)))

    asyncio.run(main())
    assert sum(counts) == 40 and min(counts) >= 10


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
    monkeypatch.setattr("faceblur.detection.client.REACHED_SECONDS", 0.2)
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


def test_headers_and_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)

    async def info(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer x":
            return web.Response(status=401)
        return web.json_response({"version": 1, "model": "m", "device": "d"})

    async def main(ca_file: str | None, headers: dict[str, str]) -> wire.Info:
        app = web.Application()
        app.router.add_get("/", info)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
        try:
            url = f"https://127.0.0.1:{runner.addresses[0][1]}"
            async with FunctionClient([url], concurrency=1, headers=headers, ca_file=ca_file) as client:
                return await client.probe()
        finally:
            await runner.cleanup()

    good = {"Authorization": "Bearer x"}
    assert asyncio.run(main(str(tmp_path / "ca.pem"), good)).model == "m"
    with pytest.raises(RequestRejected, match=r"HTTP 401.*--header"):
        asyncio.run(main(str(tmp_path / "ca.pem"), {}))
    with pytest.raises(RequestRejected, match=r"not trusted.*--ca-file"):
        asyncio.run(main(None, good))
