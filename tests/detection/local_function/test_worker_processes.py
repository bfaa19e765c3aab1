"""Every worker is a process: it reports why it cannot start, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from faceblur.base.errors import UsageError
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur.detection.local_function.worker_handle import Worker
from faceblur.detection.local_function.worker_pool import WorkerPool
from faceblur_function.weights import load_weights
from tests.conftest import ServerThread
from tests.detection.local_function.conftest import Start, config, wait_for_files


def test_every_worker_is_a_process(start: Start, tmp_path: Path) -> None:
    function = start(workers=3, worker_timeout=60)
    with ThreadPoolExecutor(3) as pool:
        replies = [pool.submit(requests.get, f"{function.url}/hold{tmp_path}", timeout=60) for _ in range(3)]
        wait_for_files(tmp_path, 3)
        (tmp_path / "release").touch()
    assert sorted(reply.result().text for reply in replies) == sorted(f"held in {pid}" for pid in function.workers.pids)


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
        with ServerThread(WorkerPool(config(env={"COLOUR": "red"}), spawned=workers)) as pool:
            assert pool.pids == pids[:1]
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
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "no video in" in done.stderr and "Traceback" not in done.stderr
    assert not [one for one in psutil.process_iter() if _environment(one).get("MARK") == mark]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:  # gone, or somebody else's
        return {}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_serve_leaves_no_process_behind(how: signal.Signals) -> None:
    command = [sys.executable, "-m", "faceblur", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http"))
        assert requests.get(url, timeout=60).status_code == 200
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        os.kill(process.pid, how)
        assert process.wait(60) == (-how if how == signal.SIGKILL else 0)
        gone, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive, gone


def test_serve_ends_when_no_worker_can_be_started_again(tmp_path: Path) -> None:
    """So that drivers cannot reach it, and whatever started it can start it again, as with a pod."""
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(load_weights("retinaface-mobilenet0.25")[0])
    options = ("--port", "0", "--workers", "1", "--env", f"WEIGHTS={weights}")
    command = [sys.executable, "-m", "faceblur", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        url = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        weights.unlink()
        for worker in psutil.Process(process.pid).children():
            worker.kill()
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=60)
        why = f"faceblur cannot start: cannot read the weights {weights}: No such file or directory"
        assert process.stderr.read().endswith(f"error: the function gave up: its workers do not start again: {why}\n")
        assert process.wait(60) == 1


def test_worker_uses_no_more_cores_than_it_was_given(start: Start) -> None:
    """With one core for the whole process tree the model gets one thread."""
    code = (
        "import os; os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})\n"
        "from faceblur_function.settings import Settings\n"
        "print(Settings().cpu_threads, Settings(workers=4).cpu_threads)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]
