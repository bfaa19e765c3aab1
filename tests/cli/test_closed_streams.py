"""A pipe that is closed, a terminal that is gone, a full disk under the log: the work goes on, or ends."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.calls import COMMAND, leftovers
from tests.support.deadly import HELD_DECODER, guarded


def closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads_does_not_end_a_run(
    face_clip: Path, function_url: str, tmp_path: Path, stream: str
) -> None:
    command = [*COMMAND, "run", str(face_clip), "-o", str(tmp_path), "--function", function_url, "-v"]
    other = "stderr" if stream == "stdout" else "stdout"
    pipe = closed_pipe()
    done = subprocess.run(command, **{stream: pipe, other: subprocess.PIPE}, text=True)  # type: ignore[call-overload]
    os.close(pipe)
    text = str(getattr(done, other))
    assert done.returncode == 0 and "interrupted" not in text and "rror" not in text, text
    assert (tmp_path / "face.mp4").is_file()


def test_render_into_a_closed_pipe_is_done(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    subprocess.run([*COMMAND, "run", str(face_clip), "-o", str(tmp_path), "--function", function_url], check=True)
    sidecar, out = tmp_path / "face.mp4.faces.jsonl", tmp_path / "again.mp4"
    pipe = closed_pipe()
    command = [*COMMAND, "render", str(face_clip), str(sidecar), "-o", str(out)]
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (0, "") and out.is_file()


def test_a_failed_run_into_a_closed_pipe_has_failed(function_url: str, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    pipe = closed_pipe()
    command = [*COMMAND, "run", str(tmp_path / "broken.mp4"), "-o", str(tmp_path / "out"), "--function", function_url]
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True)
    os.close(pipe)
    assert done.returncode == 1 and done.stderr.count("broken.mp4") == 1, done.stderr


def test_a_summary_that_cannot_be_stored_is_an_error(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    command = [*COMMAND, "run", str(face_clip), "-o", str(tmp_path), "--function", function_url]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    reason = os.strerror(errno.ENOSPC)
    assert done.returncode == 1 and f"error: what is printed could not be written: {reason}" in done.stderr
    assert "Traceback" not in done.stderr and (tmp_path / "face.mp4").is_file()


def test_a_closed_terminal_ends_a_run_and_leaves_nothing(long_clip: Path, tmp_path: Path) -> None:
    ours, theirs = os.openpty()

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    code = guarded(HELD_DECODER)
    command = [sys.executable, "-c", code, "run", str(long_clip), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=own_terminal) as process:
        os.close(theirs)
        while not any(path.stat().st_size for path in leftovers(tmp_path)):
            assert process.poll() is None
            time.sleep(0.01)
        children = psutil.Process(process.pid).children(recursive=True)
        os.close(ours)  # the terminal's window is closed: the kernel sends SIGHUP, and writing fails with EIO
        assert process.wait(60) in (130, -signal.SIGHUP)
    assert not psutil.wait_procs(children, timeout=60)[1]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
