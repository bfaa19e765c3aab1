"""The local trigger behaves as Nuclio's does: status codes, bodies, time-outs, and what reaches the handler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from faceblur.base.errors import UsageError
from faceblur.detection.local_function.function_yaml import FunctionConfig, find_function_yaml, read_config
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur.detection.local_function.worker_handle import Worker
from tests.conftest import ServerThread

ROOT = Path(__file__).parents[2]
Start = Callable[..., LocalFunction]


def config(handler: str = "tests.support.handlers:handler", **more: Any) -> FunctionConfig:
    env = {"PYTHONPATH": str(ROOT)} | more.pop("env", {})
    return FunctionConfig(handler=handler, env=env, **more)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(ServerThread(LocalFunction(config(**more))))


def test_event_as_the_handler_sees_it(start: Start) -> None:
    url = start().url
    seen = requests.post(
        f"{url}/describe?a=1",
        data='{"x": 1}',
        headers={"Content-Type": "application/json", "x-my-header": "v"},
        timeout=9,
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
    reply = requests.post(f"{start().url}/describe", data=body, headers={"Content-Type": content_type}, timeout=9)
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
    reply = requests.get(f"{start().url}/output/{output}", timeout=9)
    assert (reply.status_code, reply.headers["Content-Type"], reply.content) == (status, content_type, body)
    assert reply.headers["Server"] == "nuclio"
    if output == "response":
        assert reply.headers["X-Text"] == "yes" and "X-Number" not in reply.headers


def test_async_handler(tmp_path: Path) -> None:
    with ServerThread(LocalFunction(config("tests.support.handlers:async_handler"))) as function:
        assert requests.get(function.url, timeout=9).text == "async"


@pytest.mark.parametrize("action", ["raise", "exit"])
def test_exception_is_500_with_its_traceback_and_the_worker_lives(start: Start, action: str) -> None:
    function = start()
    pids = function.pids
    reply = requests.get(f"{function.url}/{action}", timeout=9)
    assert reply.status_code == 500 and reply.headers["Content-Type"] == "text/plain"
    assert reply.text.startswith("Exception caught in handler - ") and "Traceback" in reply.text
    assert requests.get(f"{function.url}/describe", timeout=9).json()["pid"] == pids[0]


def test_no_free_worker_is_503_with_an_empty_body(start: Start) -> None:
    url = start(worker_timeout=0.2).url
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(requests.get, f"{url}/sleep/1.5", timeout=9)
        time.sleep(0.4)
        began = time.monotonic()
        reply = requests.get(f"{url}/describe", timeout=9)
        assert (reply.status_code, reply.content) == (503, b"")
        assert 0.15 < time.monotonic() - began < 1
        assert busy.result().status_code == 200


def test_request_waits_for_a_worker(start: Start) -> None:
    url = start(worker_timeout=5).url
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: requests.get(f"{url}/sleep/0.3", timeout=9), range(3)))
    assert [reply.status_code for reply in replies] == [200] * 3


def test_event_timeout_is_408_and_the_worker_is_restarted(start: Start) -> None:
    function = start(event_timeout=0.3, worker_timeout=5)
    before = function.pids
    reply = requests.get(f"{function.url}/sleep/30", timeout=9)
    assert reply.status_code == 408 and reply.json() == {"error": "handler timed out"}
    after = requests.get(f"{function.url}/describe", timeout=9).json()["pid"]
    assert after not in before and not psutil.pid_exists(before[0])


def test_large_body_is_400_and_the_connection_is_closed(start: Start) -> None:
    url = start(max_body_bytes=1000).url
    assert requests.post(f"{url}/describe", data=b"x" * 1000, timeout=9).status_code == 200
    for body in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):
        reply = requests.post(f"{url}/describe", data=body, timeout=9)
        assert (reply.status_code, reply.text) == (400, "Error when parsing request")
        assert reply.headers["Connection"] == "close"


def test_dead_worker_resets_the_request_and_comes_back(start: Start) -> None:
    function = start(worker_timeout=5)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{function.url}/die", timeout=9)
    assert requests.get(f"{function.url}/describe", timeout=9).status_code == 200


def test_health(start: Start) -> None:
    assert requests.get(f"{start().url}/__internal/health", timeout=9).status_code == 200


def test_logs_come_back_when_asked_for(start: Start) -> None:
    url = start().url
    assert "X-Nuclio-Logs" not in requests.get(f"{url}/log", timeout=9).headers
    logs = json.loads(
        requests.get(f"{url}/log", headers={"X-Nuclio-Log-Level": "info"}, timeout=9).headers["X-Nuclio-Logs"]
    )
    assert [(entry["message"], entry["with"]) for entry in logs] == [("hello", {"size": 3})]


def test_every_worker_is_a_process(start: Start) -> None:
    function = start(workers=3, worker_timeout=5)
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: requests.get(f"{function.url}/sleep/0.5", timeout=9).text, range(3)))
    assert sorted(replies) == sorted(f"slept in {pid}" for pid in function.pids)


@pytest.mark.parametrize(
    ("handler", "env", "message"),
    [
        ("tests.support.handlers:handler", {"FAIL_INIT": "no cheese"}, "cannot start: no cheese"),
        ("tests.nowhere:handler", {}, "No module named 'tests.nowhere'"),
        ("faceblur_function.main:handler", {"MODEL": "gpt"}, "faceblur cannot start: unknown model 'gpt'"),
        (
            "faceblur_function.main:handler",
            {"MODEL": "retinaface-mobilenet0.25", "WEIGHTS": "/nowhere"},
            "No such file",
        ),
        (
            "faceblur_function.main:handler",
            {"MODEL": "retinaface-mobilenet0.25", "DEVICE": "cuda"},
            "runs on the CPU only",
        ),
        ("faceblur_function.main:handler", {"DETECT_SIZE": "big"}, "DETECT_SIZE=big"),
    ],
)
def test_function_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, handler: str, env: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as caught, ServerThread(LocalFunction(config(handler, env=env))):
        pass
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_workers_spawned_before_are_used_for_their_own_settings_only(tmp_path: Path) -> None:
    workers = [Worker(config(env={"COLOUR": colour}), 0) for colour in ("red", "blue")]
    for worker in workers:
        worker.spawn()
    try:
        pids = [worker.pid for worker in workers]
        red = LocalFunction(config(env={"COLOUR": "red"}), spawned=workers)
        with ServerThread(red) as function:
            assert function.pids == pids[:1]
            assert requests.post(f"{function.url}/describe", data="{}", timeout=9).status_code == 200
        assert not psutil.pid_exists(pids[0]) and psutil.pid_exists(pids[1])
    finally:
        for worker in workers:
            worker.kill()
    assert not psutil.pid_exists(pids[1])


def test_call_that_fails_leaves_no_worker(tmp_path: Path) -> None:
    mark = f"{tmp_path}-mark"
    command = [
        sys.executable,
        "-m",
        "faceblur",
        "run",
        str(tmp_path),
        "-o",
        f"{tmp_path}-out",
        "--env",
        f"MARK={mark}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "no video in" in done.stderr and "Traceback" not in done.stderr
    assert not [one for one in psutil.process_iter() if _environment(one).get("MARK") == mark]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:  # gone, or somebody else's
        return {}


def test_function_yaml_is_read() -> None:
    read = read_config(find_function_yaml())
    assert read.handler == "faceblur_function.main:handler"
    assert read.workers == min(2, max(1, len(os.sched_getaffinity(0)) // 2))
    assert read.max_body_bytes == 64 << 20 and read.event_timeout == 300 and read.worker_timeout == 60
    assert read.env["MODEL"] == "retinaface-mobilenet0.25" and read.env["DEVICE"] == "cpu"
    other = read_config(find_function_yaml(), env={"DEVICE": "cuda"}, workers=5)
    assert other.env["DEVICE"] == "cuda" and other.workers == 5 and other.env["WORKERS"] == "5"


@pytest.mark.parametrize("text", ["", "spec: 5", "spec: {}", "spec: {handler: a, eventTimeout: soon}", "{"])
def test_bad_function_yaml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "function.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"function\.yaml"):
        read_config(path)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_serve_leaves_no_process_behind(how: signal.Signals) -> None:
    command = [sys.executable, "-m", "faceblur", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http"))
        assert requests.get(url, timeout=9).status_code == 200
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        os.kill(process.pid, how)
        assert process.wait(10) == (-how if how == signal.SIGKILL else 0)
        gone, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive, gone


def test_worker_uses_no_more_cores_than_it_was_given(start: Start) -> None:
    """With one core for the whole process tree the model gets one thread."""
    code = (
        "import os; os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})\n"
        "from faceblur_function.settings import Settings\n"
        "print(Settings().cpu_threads, Settings(workers=4).cpu_threads)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]
