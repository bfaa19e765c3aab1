"""The local trigger behaves as Nuclio's does: status codes, bodies, time-outs, and what reaches the handler."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from faceblur.base.errors import Unavailable
from faceblur.detection.local_function.http_trigger import LocalFunction
from tests.conftest import ServerThread
from tests.detection.local_function.conftest import Start, config, wait_for_files


def test_event_as_the_handler_sees_it(start: Start) -> None:
    url = start().url
    seen = requests.post(
        f"{url}/describe?a=1",
        data='{"x": 1}',
        headers={"Content-Type": "application/json", "x-my-header": "v"},
        timeout=60,
    ).json()
    assert seen["type"] == "dict" and seen["body"] == {"x": 1}
    assert seen["method"] == "POST" and seen["path"] == "/describe" and seen["fields"] == {"a": "1"}
    assert seen["headers"]["X-My-Header"] == "v" and seen["trigger"] == "http" and seen["worker"] == 0


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("application/json", b'{"x": 1}', "dict"),
        ("application/json", b"[1]", "list"),
        ("application/json", b"{cut", "bytes"),
        ("application/json; charset=utf-8", b'{"x": 1}', "bytes"),
        ("application/octet-stream", b'{"x": 1}', "bytes"),
    ],
)
def test_only_the_exact_content_type_is_parsed(start: Start, content_type: str, body: bytes, kind: str) -> None:
    reply = requests.post(f"{start().url}/describe", data=body, headers={"Content-Type": content_type}, timeout=60)
    assert reply.json()["type"] == kind


@pytest.mark.parametrize(
    ("output", "status", "content_type", "body"),
    [
        ("str", 200, "text/plain", b"text"),
        ("dict", 200, "application/json", b'{"a": 1}'),
        ("tuple", 201, "text/plain", b"made"),
        ("tuple-dict", 202, "application/json", b'{"b": 2}'),
        ("bytes", 200, "text/plain", b"\x00\xff"),
        ("list", 200, "text/plain", b"first"),
        ("empty-list", 500, "text/plain", b""),
        ("none", 200, "text/plain", b"None"),
        ("response-list", 200, "text/plain", b"[1, 2]"),
        ("response", 418, "text/x", b"ok"),
    ],
)
def test_what_a_handler_returns(start: Start, output: str, status: int, content_type: str, body: bytes) -> None:
    reply = requests.get(f"{start().url}/output/{output}", timeout=60)
    assert (reply.status_code, reply.headers["Content-Type"], reply.content) == (status, content_type, body)
    assert reply.headers["Server"] == "nuclio"
    if output == "response":
        assert reply.headers["X-Text"] == "yes" and "X-Number" not in reply.headers


def test_async_handler(tmp_path: Path) -> None:
    with ServerThread(LocalFunction(config("tests.support.handlers:async_handler"))) as function:
        assert requests.get(function.url, timeout=60).text == "async"


@pytest.mark.parametrize("action", ["raise", "exit"])
def test_exception_is_500_with_its_traceback_and_the_worker_lives(start: Start, action: str) -> None:
    function = start()
    pids = function.workers.pids
    reply = requests.get(f"{function.url}/{action}", timeout=60)
    assert reply.status_code == 500 and reply.headers["Content-Type"] == "text/plain"
    assert reply.text.startswith("Exception caught in handler - ") and "Traceback" in reply.text
    assert requests.get(f"{function.url}/describe", timeout=60).json()["pid"] == pids[0]


def test_no_free_worker_is_503_with_an_empty_body(start: Start, tmp_path: Path) -> None:
    url = start(worker_timeout=0.2).url
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(requests.get, f"{url}/hold{tmp_path}", timeout=60)
        wait_for_files(tmp_path, 1)
        began = time.monotonic()
        reply = requests.get(f"{url}/describe", timeout=60)  # the worker is held until this is answered
        assert (reply.status_code, reply.content) == (503, b"")
        assert time.monotonic() - began > 0.15
        (tmp_path / "release").touch()
        assert busy.result().status_code == 200


def test_request_waits_for_a_worker(start: Start) -> None:
    url = start(worker_timeout=60).url
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: requests.get(f"{url}/sleep/0.3", timeout=60), range(3)))
    assert [reply.status_code for reply in replies] == [200] * 3


def test_event_timeout_is_408_and_the_worker_is_restarted(start: Start) -> None:
    function = start(event_timeout=0.3, worker_timeout=60)
    before = function.workers.pids
    reply = requests.get(f"{function.url}/sleep/30", timeout=60)
    assert reply.status_code == 408 and reply.json() == {"error": "handler timed out"}
    # Its only worker is free at once and refuses until it has started again.
    while (after := requests.get(f"{function.url}/describe", timeout=60)).status_code != 200:
        if after.status_code != 408:  # a machine may be too busy to answer this one in time
            assert after.text == "Processor not ready (current status: stopped)"
    assert after.json()["pid"] not in before and not psutil.pid_exists(before[0])


def test_an_event_is_cut_when_the_platform_looks(start: Start) -> None:
    """It looks once in every `eventTimeout`: an event has between one and two of them."""
    function = start(event_timeout=0.5, worker_timeout=60)
    for _ in range(3):
        begun = time.monotonic()
        while requests.get(f"{function.url}/sleep/30", timeout=60).status_code != 408:
            begun = time.monotonic()
        assert time.monotonic() - begun > 0.5


def test_large_body_is_400_and_the_connection_is_closed(start: Start) -> None:
    url = start(max_body_bytes=1000).url
    assert requests.post(f"{url}/describe", data=b"x" * 1000, timeout=60).status_code == 200
    for body in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):
        reply = requests.post(f"{url}/describe", data=body, timeout=60)
        assert (reply.status_code, reply.text) == (400, "Error when parsing request")
        assert reply.headers["Connection"] == "close"


def test_a_body_far_above_the_limit_is_answered_while_it_is_sent(start: Start) -> None:
    """Nothing more of it is read: the client gets the answer, or a reset."""
    function = start(max_body_bytes=1000)
    with socket.create_connection(("127.0.0.1", int(function.url.rsplit(":", 1)[1])), timeout=60) as client:
        client.sendall(b"POST /describe HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nabc")
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.endswith(b"Error when parsing request")
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                client.sendall(bytes(100_000))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "nonsense"])
def test_an_encoded_body_is_not_decoded(start: Start, encoding: str) -> None:
    body = gzip.compress(b'{"a": 1}') if encoding == "gzip" else b"abc"
    headers = {"Content-Encoding": encoding, "Content-Type": "application/octet-stream"}
    reply = requests.post(f"{start().url}/size", data=body, headers=headers, timeout=60)
    assert (reply.status_code, reply.text) == (200, str(len(body)))


def test_headers_have_a_limit_as_a_whole(start: Start) -> None:
    url = start().url
    assert requests.get(f"{url}/describe/{'a' * 15_000}", timeout=60).status_code == 200
    assert requests.get(f"{url}/describe", headers={"X-A": "a" * 15_000}, timeout=60).status_code == 200
    many = {f"X-A{number}": "a" * 1000 for number in range(17)}
    for path, headers in (
        ("/" + "a" * 17_000, {}),
        ("/", {"X-A": "a" * 17_000}),
        ("/", {"X-A": "a" * 99_000}),
        ("/", many),
    ):
        reply = requests.get(url + path, headers=headers, timeout=60)
        assert (reply.status_code, reply.text) == (431, "Too big request header")
        assert reply.headers["Connection"] == "close"
    assert requests.get(f"{start(max_header_bytes=1000).url}/describe/{'a' * 2000}", timeout=60).status_code == 431


@pytest.mark.parametrize(
    ("event", "kind", "body"),
    [
        ({"specversion": "1.0", "data": {"a": 1}}, "dict", {"a": 1.0}),
        ({"contentType": "text/plain", "data": "hello"}, "bytes", "hello"),
        ({"specversion": "1.0"}, "NoneType", None),
    ],
)
@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json", "application/cloudevents+json; charset=utf-8"]
)
def test_a_structured_cloud_event_is_unwrapped(
    start: Start, event: dict[str, Any], kind: str, body: object, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    described = requests.post(f"{start().url}/describe", json=event, headers=headers, timeout=60).json()
    assert (described["type"], described["body"]) == (kind, body)
    assert described["content_type"] == event.get("contentType", "")


def test_a_cloud_event_that_is_none_is_500(start: Start) -> None:
    url = start().url
    for body in (b"{nope", b"[1]"):
        headers = {"Content-Type": "application/cloudevents+json"}
        reply = requests.post(f"{url}/describe", data=body, headers=headers, timeout=60)
        assert (reply.status_code, reply.text) == (500, "Failed to wrap structured cloud event")


def test_strings_that_are_not_utf_8_are_500_unless_the_platform_leaves_them_as_bytes(start: Start) -> None:
    url = start().url
    for path, headers in (("/describe/%ff", {}), ("/describe", {"X-Name": b"\xff"})):
        reply = requests.get(url + path, headers=headers, timeout=60)
        assert reply.status_code == 500 and reply.text.startswith("Exception caught while serving")
    assert requests.get(f"{url}/a/../describe/%C3%A9", timeout=60).json()["path"] == "/describe/é"
    raw = start(env={"NUCLIO_PYTHON_DECODE_EVENT_STRINGS": "false"}, handler="tests.support.handlers:raw_handler").url
    assert requests.get(f"{raw}/%ff", timeout=60).text == repr(b"/\xff")


def test_a_function_that_drains_answers_what_it_has_begun_and_refuses_the_rest(tmp_path: Path) -> None:
    server = ServerThread(LocalFunction(config()))
    with server as function, ThreadPoolExecutor(1) as pool:
        begun = pool.submit(requests.get, f"{function.url}/hold{tmp_path}", timeout=60)
        wait_for_files(tmp_path, 1)
        draining = asyncio.run_coroutine_threadsafe(function.workers.drain(60), server._loop)
        assert requests.get(f"{function.url}/describe", timeout=60).status_code == 503
        assert not draining.done()
        (tmp_path / "release").touch()
        assert begun.result().status_code == 200
        draining.result(60)


def test_dead_worker_resets_the_request_and_comes_back(start: Start) -> None:
    function = start(worker_timeout=60)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{function.url}/die", timeout=60)
    assert requests.get(f"{function.url}/describe", timeout=60).status_code == 200


def test_a_worker_whose_memory_ran_out_answers_and_is_started_anew(start: Start) -> None:
    url = start(worker_timeout=60).url
    before = requests.get(f"{url}/describe", timeout=60).json()["pid"]
    assert requests.get(f"{url}/out-of-memory", timeout=60).status_code == 507
    assert requests.get(f"{url}/describe", timeout=60).json()["pid"] != before


def test_workers_that_die_one_after_the_other_end_in_a_refusal(start: Start) -> None:
    url = start(workers=2, worker_timeout=60).url
    for _ in range(2):  # a reply in between: it was one request that they died of
        for _ in range(3):
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{url}/die", timeout=60)
        reply = requests.get(f"{url}/die", timeout=60)
        assert reply.status_code == 507 and "died 4 times in a row" in reply.json()["error"]["message"]
        assert requests.get(f"{url}/describe", timeout=60).status_code == 200


def test_a_function_whose_workers_do_not_start_again_is_lost_and_answers_nothing(tmp_path: Path) -> None:
    """An answer would say that smaller requests may pass, or that another attempt may help."""
    server = ServerThread(LocalFunction(config(worker_timeout=60, env={"FAIL_AGAIN": str(tmp_path / "started")})))
    with server as function:
        lost = asyncio.run_coroutine_threadsafe(function.workers.until_lost(), server._loop)
        for action in ("die", "describe", "describe"):
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{function.url}/{action}", timeout=60)
        with pytest.raises(Unavailable, match="its workers do not start again: cannot start: out of memory"):
            lost.result(60)


def test_health(start: Start) -> None:
    assert requests.get(f"{start().url}/__internal/health", timeout=60).status_code == 200


def test_logs_come_back_when_asked_for(start: Start) -> None:
    url = start().url
    assert "X-Nuclio-Logs" not in requests.get(f"{url}/log", timeout=60).headers
    logs = json.loads(
        requests.get(f"{url}/log", headers={"X-Nuclio-Log-Level": "info"}, timeout=60).headers["X-Nuclio-Logs"]
    )
    assert [(entry["message"], entry["with"]) for entry in logs] == [("hello", {"size": 3})]
