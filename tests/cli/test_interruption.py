"""Ctrl-C, SIGTERM and kill: nothing half written stays, and the same command goes on."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from faceblur.base.atomic_files import temporary_path
from tests.cli.calls import COMMAND, leftovers
from tests.support import clips as media
from tests.support.deadly import HELD_DECODER, PATIENT, SLOW_SEARCH, guarded

HELD_COMMAND = [sys.executable, "-c", guarded(f"{PATIENT}{HELD_DECODER}")]


def catches(pid: int, number: int) -> bool:
    """Whether a process has its own handler of a signal."""
    (mask,) = re.findall(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_interruption_while_the_inputs_are_searched(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index in range(1000):
        (tmp_path / "in" / f"{index}.mp4").write_bytes(b"no video " * 200)
    driver = [sys.executable, "-c", guarded(f"{PATIENT}{SLOW_SEARCH}")]
    command = [*driver, "run", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "opens\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.1])
def test_interruption_while_the_output_is_opened(long_clip: Path, tmp_path: Path, seconds: float) -> None:
    command = [*HELD_COMMAND, "run", str(long_clip), "-o", str(tmp_path / "out"), "-q"]
    with subprocess.Popen(command) as process:
        while not (tmp_path / "out").exists():
            time.sleep(0.002)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interruption_stops_soon_and_goes_on_later(long_clip: Path, face_clip: Path, tmp_path: Path, how: int) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name, clip in (("a.mp4", long_clip), ("b.mp4", face_clip)):
        (source / name).write_bytes(clip.read_bytes())
    arguments = ["run", str(source), "-o", str(out), "--jobs", "1"]
    command = [*HELD_COMMAND, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not any(path.stat().st_size for path in leftovers(out)):  # amid the first video
            time.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        # Two seconds, but not on a busy machine. The first video needs more than a minute.
        output, errors = process.communicate(timeout=50)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    assert "2 files: 2 not done" in output
    assert not [path for path in out.rglob("*") if path.is_file()]
    assert not psutil.wait_procs(children, timeout=60)[1]
    if how != signal.SIGINT:
        return
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
    assert done.returncode == 0 and "2 files: 2 done" in done.stdout, done.stderr
    assert [media.number(frame) for frame in media.frames(out / "a.mp4")] == list(range(300))


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.4, 0.8])
def test_interruption_at_the_start_is_no_traceback(face_clip: Path, tmp_path: Path, seconds: float) -> None:
    # The function waits for its weights for ever, so that on no machine the run is over before that time.
    os.mkfifo(tmp_path / "weights")
    command = [*COMMAND, "run", str(face_clip), "-o", str(tmp_path / "out"), "--env", f"WEIGHTS={tmp_path / 'weights'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not catches(process.pid, signal.SIGTERM):  # before that it is Python that starts
            time.sleep(0.002)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_killed_at_random_times_nothing_is_left_behind(long_clip: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.mp4").write_bytes(long_clip.read_bytes())
    command = [*COMMAND, "run", str(source), "-o", str(out), "--overwrite", "-q"]
    chance = random.Random(5)
    for _ in range(6):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.3, 4))
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.kill()
        assert not psutil.wait_procs(children, timeout=60)[1]
        for path in out.rglob("*.mp4"):
            assert len(media.frames(path)) == 300  # under its final name a video is complete
    out.mkdir(exist_ok=True)  # a machine that is busy may never have come so far
    temporary_path(out / "removed.mp4").write_bytes(b"half a video whose source is gone")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "a.mp4.faces.jsonl"]
    assert [media.number(frame) for frame in media.frames(out / "a.mp4")] == list(range(300))


# A thread that waits in native code for ever, at the given place: nothing there sees that the command is cancelled.
HUNG = f"""{HELD_DECODER}
import sys
from unittest.mock import patch
from faceblur.cli import app, review
from faceblur.cli.group import main
def hang(*arguments, **named):
    print("hangs", flush=True)
    time.sleep(10000)
with patch(sys.argv.pop(1), hang):
    main()
"""


@pytest.mark.parametrize(
    ("place", "how"),
    [
        ("faceblur.media.source_file.open_input", signal.SIGINT),  # while the inputs are searched
        ("faceblur.media.source_file.open_input", signal.SIGTERM),
        ("faceblur.media.source_file.open_input", signal.SIGHUP),
        ("faceblur.media.reader.VideoReader.__iter__", signal.SIGINT),
        ("faceblur.media.writer.VideoWriter.write", signal.SIGINT),
        ("faceblur.redaction.output.VideoOutput.complete", signal.SIGTERM),
        ("faceblur.media.writer.VideoWriter.abort", signal.SIGINT),
    ],
)
def test_a_thread_that_hangs_does_not_keep_the_process(
    face_clip: Path, long_clip: Path, function_url: str, tmp_path: Path, place: str, how: int
) -> None:
    out, clip = tmp_path / "out", face_clip if place.endswith("complete") else long_clip
    command = [sys.executable, "-c", HUNG, place, "run", str(clip), "-o", str(out), "--function", function_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if not place.endswith("abort"):
            assert process.stdout.readline() == "hangs\n"
        else:
            while not any(path.stat().st_size for path in leftovers(out)):
                time.sleep(0.01)
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.count("interrupted") == 1 and "Traceback" not in errors
    assert not [path for path in out.rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", ["run", "image", "render", "audit", "evaluate"])
def test_interruption_while_the_program_is_loaded_is_one_line(tmp_path: Path, command: str) -> None:
    # It is stopped as soon as it runs Python at all: a module that it imports waits for the test.
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("import time; print('loads', flush=True); time.sleep(10000)")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    arguments = {"render": ["a", "b", "-o", "c"], "audit": ["a", "b"], "evaluate": ["a"]}
    with subprocess.Popen(
        [*COMMAND, command, *arguments.get(command, ["a", "-o", "b"])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "loads\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")


def test_an_interrupted_audit_goes_on(face_clip: Path, tmp_path: Path) -> None:
    place = "faceblur.auditing.file_audit.pair_streams"
    command = [sys.executable, "-c", HUNG, place, "audit", str(face_clip), str(tmp_path / "out.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "hangs\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted: the same command goes on from here\n")
