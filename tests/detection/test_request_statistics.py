"""Every request is counted by how it ended."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from faceblur.base.errors import FunctionError
from faceblur.detection.client import FunctionClient
from faceblur.detection.request_statistics import OUTCOMES
from tests.support.batches import OPTIONS, echo, image, use
from tests.support.hostile import Server, scripted


def outcomes(server: Server, **more: Any) -> dict[str, int]:
    """How the requests ended of one batch, which may fail in the end; only those that there were."""

    async def ask(client: FunctionClient) -> dict[str, int]:
        with suppress(FunctionError):
            await client.send([image(9)], OPTIONS, return_frames=True)
        assert set(client.statistics.outcomes) == set(OUTCOMES)
        return {name: number for name, number in client.statistics.outcomes.items() if number}

    return dict(use(server, ask, **more))


def test_what_is_tried_again_counts_too() -> None:
    assert outcomes(scripted(503, 503, 500, 408, echo)) == {"busy": 2, "error": 2, "ok": 1}


@pytest.mark.parametrize(("status", "outcome"), [(413, "too large"), (507, "too large"), (404, "rejected")])
def test_a_refusal_is_counted_by_its_kind(status: int, outcome: str) -> None:
    assert outcomes(scripted(status, echo)) == {outcome: 1}


def test_a_reply_that_fails_a_check_is_no_success() -> None:
    def other_order(body: dict[str, Any]) -> dict[str, Any]:
        return echo(body) | {"digests": []}

    assert outcomes(scripted(other_order, echo)) == {"invalid": 1, "ok": 1}


def test_an_answer_that_takes_too_long_is_late() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    assert outcomes(Server(slow), timeout=0.1, give_up_after=0.1)["late"] >= 2


def test_a_function_that_is_away_is_unreachable() -> None:
    async def ask() -> dict[str, int]:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            async with FunctionClient([url], concurrency=1, give_up_after=0.1) as client:
                with pytest.raises(FunctionError):
                    await client.send([image(9)], OPTIONS, return_frames=True)
                return client.statistics.outcomes

    assert asyncio.run(ask())["unreachable"] >= 2
