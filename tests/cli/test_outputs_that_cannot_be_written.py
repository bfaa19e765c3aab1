"""Outputs that cannot be written are named: a full disk, a folder that refuses, a file that another run writes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.calls import COMMAND, invoke, leftovers
from tests.support.deadly import HELD, held_until


def test_two_runs_do_not_write_the_same_file(long_clip: Path, tmp_path: Path) -> None:
    out, release = tmp_path / "out", tmp_path / "release"
    arguments = ["run", str(long_clip), "-o", str(out), "--workers", "1"]
    held = [sys.executable, "-c", HELD, *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": held_until(release)}
    with subprocess.Popen(held, **quiet) as first:  # type: ignore[call-overload]
        while not leftovers(out):
            time.sleep(0.02)
        first.send_signal(signal.SIGSTOP)  # so that it is at it for as long as the second one needs
        second = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
        release.touch()
        first.send_signal(signal.SIGCONT)
        assert second.returncode == 1 and "another run is writing it" in second.stderr
        assert first.wait() == 0
    assert sorted(path.name for path in out.iterdir()) == ["long.mp4", "long.mp4.faces.jsonl"]


def test_full_disk_is_named(long_clip: Path, function_url: str, tmp_path: Path) -> None:
    """A file size limit fails writes as a full disk does."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [*COMMAND, "run", str(long_clip), "-o", str(tmp_path), "--function", function_url]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1
    assert f"error: {long_clip}: {tmp_path / 'long.mp4'}: cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self/mem").exists(), reason="needs a folder that refuses")
def test_output_that_is_not_writable_is_named(face_clip: Path, function_url: str) -> None:
    result = invoke("run", face_clip, "-o", "/proc/faceblur", "--function", function_url)
    assert result.exit_code == 1 and "/proc/faceblur/face.mp4: cannot be written: " in result.output
