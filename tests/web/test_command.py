"""The command `faceblur review`: its link, its wrong calls, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import COMMAND, invoke, leftovers
from tests.support.deadly import HELD_DECODER
from tests.web.conftest import Client

PORT_0 = ("--port", "0")


@contextmanager
def reviewing(
    folder: Path, *arguments: str, command: list[str] = COMMAND
) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """The command, and a client who has its link."""
    call = [*command, "review", str(folder / "in"), str(folder / "out"), *PORT_0, *arguments]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "to review: http://127.0.0.1:" in line
        url, _, token = line.split()[-1].partition("/?token=")
        yield process, Client(url, token)
        if process.poll() is None:
            process.kill()


@pytest.fixture
def long_review(face: Image, function_url: str, tmp_path: Path) -> Path:
    """A folder with a source of 300 frames in `in`, and its output in `out`."""
    source = write_clip(tmp_path / "in" / "long.mp4", pan(face, (160, 120), 300))
    assert invoke("run", source, "-o", tmp_path / "out", "--function", function_url, "-q").exit_code == 0
    return tmp_path


def test_the_link_opens_the_page_and_ctrl_c_ends_it(folder: Path) -> None:
    with reviewing(folder) as (process, client):
        page = client.get(f"{client.url}/")
        assert page.status_code == 200 and "/page/main.js" in page.text
        for name in ("main.js", "page.css", "vendor/preact.js"):
            assert client.get(f"{client.url}/page/{name}").status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "interrupted: the page is closed; edits and verdicts are kept\n"


def test_ctrl_c_while_an_output_is_written_leaves_it_as_it_was(long_review: Path, function_url: str) -> None:
    written = (long_review / "out" / "long.mp4").read_bytes()
    held = [sys.executable, "-c", f"{HELD_DECODER}\nfrom faceblur.__main__ import start\nstart()"]
    with reviewing(long_review, "--function", function_url, command=held) as (process, client):
        client.post(f"{client.video()}/jobs", json={"kind": "render"})
        while client.get("/jobs").json()[-1]["done"] == 0:
            pass
        assert leftovers(long_review)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert (long_review / "out" / "long.mp4").read_bytes() == written and not leftovers(long_review)


SLOW_STILLS = """
import time
from faceblur.web import stills
def slow(*arguments):
    print("reads", flush=True)
    time.sleep(1.5)
    raise RuntimeError("a bug")
stills.read_stills = slow
from faceblur.__main__ import start
start()
"""


def test_ctrl_c_while_a_still_is_read_is_one_line(folder: Path) -> None:
    slow = [sys.executable, "-c", SLOW_STILLS]
    with reviewing(folder, command=slow) as (process, client), ThreadPoolExecutor() as pool:
        assert process.stdout is not None
        path = f"{client.video()}/frames/0"
        failed = client.get(path)
        assert failed.status_code == 500 and "RuntimeError: a bug" in failed.json()["error"]["message"]
        waiting = pool.submit(client.get, path)
        reads = (line for line in process.stdout if line == "reads\n")
        assert next(reads) and next(reads)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert waiting.exception(60) is not None or waiting.result().status_code == 500
    assert process.returncode == 130
    assert errors == "interrupted: the page is closed; edits and verdicts are kept\n"


def test_wrong_calls(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothing = invoke("review", folder / "in", tmp_path / "empty", *PORT_0)
    assert nothing.exit_code == 2 and "there is no output of a run in it" in nothing.output
    for given in ((folder / "in", folder / "no"), (folder / "no", folder / "out")):
        absent = invoke("review", *given)
        assert absent.exit_code == 2 and absent.output == f"error: {folder / 'no'}: no such file or directory\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = invoke("review", folder / "in", folder / "out", "--port", taken.getsockname()[1])
    assert busy.exit_code == 2 and "cannot be used: Address already in use: choose another --port" in busy.output


def test_packages_that_are_missing_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("faceblur.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    refused = invoke("review", folder / "in", folder / "out", *PORT_0)
    assert refused.exit_code == 2 and f"{sys.executable} -m pip install fastapi uvicorn" in refused.output
