"""The exchange with the function on this machine, without HTTP: what the client gets, what becomes of the workers."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faceblur.base.errors import InvalidReply, RequestRejected, RequestTooLarge
from faceblur.detection.client import FunctionClient
from faceblur.detection.exchange import Busy, ConnectionBroken, Late, Response
from faceblur.detection.local_function import worker_handle, worker_pool
from faceblur.detection.local_function.local_transport import LocalTransport
from faceblur.detection.local_function.worker_messages import EncodedMessage, encode_message
from faceblur.detection.local_function.worker_pool import MAX_DEATHS, WorkerPool
from faceblur.detection.retry_policy import check_status
from tests.detection.local_function.conftest import config, wait_for_files
from tests.support.batches import OPTIONS, image

NAME = "the function here"
HANDLER = "tests.support.handlers:told_handler"


def use(work: Callable[[LocalTransport], Awaitable[Any]], handler: str = HANDLER, **more: Any) -> Any:
    """What work with the transport comes to, by default to a handler that does what the body says."""

    async def main() -> Any:
        async with WorkerPool(config(handler, **more)) as workers, LocalTransport(workers) as transport:
            return await work(transport)

    return asyncio.run(main())


async def post(transport: LocalTransport, action: str, *, seconds: float = 60, max_bytes: int = 1 << 20) -> Response:
    return await transport.exchange(NAME, "POST", json.dumps(action).encode(), seconds, max_bytes)


def test_an_exchange() -> None:
    got = use(lambda transport: post(transport, "describe"))
    seen = json.loads(got.content)
    assert got.status == 200 and got.seconds == got.waiting > 0
    assert (seen["method"], seen["path"], seen["trigger"], seen["body"]) == ("POST", "/", "http", "describe")
    assert seen["headers"] == {"Content-Type": "application/json"}


def test_a_get_has_no_body() -> None:
    got = use(lambda transport: transport.exchange(NAME, "GET", None, 60))
    seen = json.loads(got.content)
    assert (seen["method"], seen["body"], seen["content_type"], seen["headers"]) == ("GET", "", "", {})


def test_a_handler_that_raises_is_500_with_its_traceback() -> None:
    got = use(lambda transport: post(transport, "raise"))
    assert got.status == 500 and got.content.startswith(b"Exception caught in handler - ")


def test_a_stated_time_arrives() -> None:
    got = use(lambda transport: post(transport, "retry-after"))
    assert (got.status, got.retry_after) == (503, 7)


def test_a_large_body_is_refused() -> None:
    async def both(transport: LocalTransport) -> list[int]:
        return [(await post(transport, f"describe {'x' * length}")).status for length in (989, 990)]

    assert use(both, max_body_bytes=1000) == [200, 400]


def test_a_large_answer_is_an_error_and_an_error_of_that_size_is_none() -> None:
    with pytest.raises(InvalidReply, match="larger than 10 bytes"):
        use(lambda transport: post(transport, "describe", max_bytes=10))
    assert use(lambda transport: post(transport, "raise", max_bytes=10)).status == 500


async def held(transport: LocalTransport, folder: Path) -> asyncio.Task[Response]:
    """A request with which the worker is busy until the file `release` is in the folder."""
    task = asyncio.create_task(post(transport, f"hold {folder}"))
    await asyncio.to_thread(wait_for_files, folder, 1)
    return task


def test_no_free_worker_is_503_and_no_http(tmp_path: Path) -> None:
    async def two(transport: LocalTransport) -> list[Response]:
        busy = await held(transport, tmp_path)
        refused = await post(transport, "describe")
        (tmp_path / "release").touch()
        return [await busy, refused]

    done, refused = use(two, worker_timeout=0.2)
    assert (done.status, refused.status) == (200, 503)
    with pytest.raises(Busy, match=f"^{NAME}: status 503 no worker is free$"):
        check_status(NAME, refused)


def test_a_late_answer_is_not_waited_for_and_its_worker_lives(tmp_path: Path) -> None:
    async def late(transport: LocalTransport) -> list[int]:
        before = json.loads((await post(transport, "describe")).content)["pid"]
        with pytest.raises(Late, match=f"^{NAME}: no answer within 0.2 s$"):
            await post(transport, f"hold {tmp_path}", seconds=0.2)  # it does not answer before it is released
        (tmp_path / "release").touch()
        return [before, json.loads((await post(transport, "describe")).content)["pid"]]

    before, after = use(late)
    assert after == before


def test_a_worker_that_dies_after_its_caller_left_comes_back_without_a_warning() -> None:
    async def die_late(transport: LocalTransport) -> tuple[list[Any], bytes]:
        warnings: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: warnings.append(context))
        pid = json.loads((await post(transport, "describe")).content)["pid"]
        with pytest.raises(Late):
            await post(transport, "sleep 30", seconds=0.2)
        os.kill(pid, signal.SIGKILL)
        answer = (await post(transport, "say next")).content
        gc.collect()
        return warnings, answer

    assert use(die_late) == ([], b"next")


def test_a_call_that_is_cancelled_leaves_its_worker_to_the_next() -> None:
    async def cancelled(transport: LocalTransport) -> bytes:
        first = asyncio.create_task(post(transport, "sleep 0.5"))
        await asyncio.sleep(0.2)
        first.cancel()
        return (await post(transport, "say next")).content

    assert use(cancelled) == b"next"


def test_a_dead_worker_breaks_its_exchange_and_comes_back() -> None:
    async def die(transport: LocalTransport) -> int:
        with pytest.raises(ConnectionBroken, match=f"^{NAME}: its worker died: exit code 9$"):
            await post(transport, "die")
        return (await post(transport, "describe")).status

    assert use(die) == 200


@pytest.mark.parametrize(
    ("action", "why", "way_out"),
    [
        ("die", "exit code 9", ""),
        ("kill", "SIGKILL, perhaps out of memory", "; give the function more memory, or fewer --workers"),
    ],
)
def test_workers_that_die_one_after_the_other_end_in_a_refusal(action: str, why: str, way_out: str) -> None:
    async def die(transport: LocalTransport) -> None:
        for _ in range(MAX_DEATHS):
            with pytest.raises(ConnectionBroken, match=f"^{NAME}: its worker died: {why}$"):
                await post(transport, action)
        with pytest.raises(RequestTooLarge) as caught:  # a smaller request may pass
            await post(transport, action)
        assert (
            str(caught.value)
            == f"{NAME}: even with a single frame its worker died 4 times in a row, as -vv shows: {why}{way_out}"
        )

    use(die)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "[Errno 12] Cannot allocate memory"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_worker_that_cannot_be_started_again_ends_in_a_refusal(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, reason: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise refusal

    async def die(transport: LocalTransport) -> list[Response | BaseException]:
        monkeypatch.setattr(subprocess, "Popen", refuse)
        with pytest.raises(ConnectionBroken):
            await post(transport, "die")
        # They wait for a worker, and for no longer than until it is clear that there is none.
        waiting = await asyncio.gather(*(post(transport, "describe") for _ in range(3)), return_exceptions=True)
        return [*waiting, *await asyncio.gather(post(transport, "describe"), return_exceptions=True)]

    why = f"{reason}; give the function more memory, or fewer --workers"
    for error in use(die, worker_timeout=300):
        assert type(error) is RequestRejected and str(error) == f"{NAME}: its workers do not start again: {why}"


@pytest.mark.parametrize("where", ["to the worker", "from the worker"])
def test_a_batch_that_the_memory_here_is_not_enough_for_is_halved(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    sizes: list[int] = []

    def encoded(event: Any) -> EncodedMessage:
        sizes.append(len(json.loads(event["body"] or "{}").get("frames", [])))
        if where == "to the worker" and sizes[-1] > 2:
            raise MemoryError
        return encode_message(event)

    def decoded(content: bytes) -> Any:
        reply = pickle.loads(content)
        if where == "from the worker" and reply != "ready" and sizes[-1] > 2:
            raise MemoryError
        return reply

    async def send(transport: LocalTransport) -> list[int]:
        async with FunctionClient([NAME], concurrency=1, transport=transport) as client:
            await client.probe()
            images = [image(shade) for shade in range(0, 50, 10)]
            answers = [await client.send(images, OPTIONS, return_frames=False) for _ in range(2)]
            assert all("hand-over" in one.timings_ms and "network" not in one.timings_ms for one in answers)
            return [len(answer.faces) for answer in answers]

    monkeypatch.setattr(worker_pool, "encode_message", encoded)
    monkeypatch.setattr(worker_handle, "pickle", SimpleNamespace(loads=decoded))
    answered = use(send, handler="faceblur_function.main:handler", env={"MODEL": "retinaface-mobilenet0.25"})
    # The second batch is split before it is sent.
    assert answered == [5, 5] and sizes == [0, 5, 2, 3, 1, 2, 2, 1, 2]


def test_what_is_open_at_the_end_ends() -> None:
    async def leave(transport: LocalTransport) -> list[asyncio.Task[Response]]:
        tasks = [asyncio.create_task(post(transport, "sleep 250")) for _ in range(2)]  # the second waits for the worker
        await asyncio.sleep(0.3)
        return tasks

    start = time.monotonic()
    tasks = use(leave)
    assert time.monotonic() - start < 200
    assert all(task.cancelled() or isinstance(task.exception(), ConnectionBroken) for task in tasks)
