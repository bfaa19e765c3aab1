"""A codec that dies takes its own video down, never the run; and no process stays when the run is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.jobs.crash_guard import Journal
from tests.support import clips as media
from tests.support.deadly import DEADLY, GUARDED, SLOW_SEARCH, guarded


@pytest.mark.parametrize(("jobs", "how"), [(1, signal.SIGSEGV), (3, signal.SIGABRT)])
def test_codec_that_dies_takes_its_own_video_down(
    face: Image, function_url: str, tmp_path: Path, jobs: int, how: signal.Signals
) -> None:
    for name in ("a", "deadly b", "c", "deadly d"):
        write_clip(tmp_path / "in" / f"{name}.mp4", pan(face, (160, 120), 12), audio_codec=None)
    code = GUARDED.format(code=DEADLY.format(signal=int(how)))
    arguments = ["run", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--function", function_url, "--overwrite"]
    command = [sys.executable, "-c", code, *arguments, "--jobs", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "4 files: 2 done, 2 failed" in done.stdout, done.stdout + done.stderr
    for name in ("deadly b", "deadly d"):
        assert f"{name}.mp4: a codec died while it was read or written ({how.name})" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mp4")) == ["a.mp4", "c.mp4"]
    assert all(len(media.frames(tmp_path / "out" / name)) == 12 for name in ("a.mp4", "c.mp4"))


@pytest.mark.parametrize("code", [0, 1])
def test_library_that_ends_the_run_is_no_success_and_its_video_is_named(
    face: Image, function_url: str, tmp_path: Path, code: int
) -> None:
    clip = write_clip(tmp_path / "deadly.mp4", pan(face, (160, 120), 12), audio_codec=None)
    driver = GUARDED.format(code=DEADLY.replace("os.kill(os.getpid(), {signal})", f"os._exit({code})"))
    arguments = ["run", str(clip), "-o", str(tmp_path / "out"), "--function", function_url]
    done = subprocess.run([sys.executable, "-c", driver, *arguments], capture_output=True, text=True, timeout=120)
    why = "a library ended the run at work on it: the memory may have run out"
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"error: {clip}: {why}"
    assert not list((tmp_path / "out").glob("*.mp4"))


def test_crash_in_nothing_of_a_video_ends_the_run() -> None:
    code = GUARDED.format(code="import os; os.abort()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 128 + signal.SIGABRT
    assert done.stderr.splitlines()[-1].startswith("error: the run crashed (SIGABRT): ")


def test_journal_that_was_cut_is_read_to_its_last_complete_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.write("begun", Path("a"))
    journal.write("begun", Path("b"))
    journal.write("ended", Path("a"), "an outcome")
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"\x80\x05\x95")
    again = Journal(tmp_path / "journal")
    assert again.ended == {Path("a"): "an outcome"}


def test_killed_guard_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index in range(1000):
        (tmp_path / "in" / f"{index}.mp4").write_bytes(b"no video " * 200)
    arguments = ["run", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "-q"]
    command = [sys.executable, "-c", guarded(SLOW_SEARCH), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        # The run, and the function's worker that it has started.
        while len(children := psutil.Process(process.pid).children(recursive=True)) < 2:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        assert not psutil.wait_procs(children, timeout=60)[1]
