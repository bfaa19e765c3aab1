"""`make fleet-demo` as it stands, and interrupted: nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.support.fleet import until

COMMAND = [sys.executable, "-m", "examples.fleet_demo"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def nothing_left(folder: Path) -> Iterator[dict[str, str]]:
    """The environment for the demo, whose temporary files are below a folder and carry its name to every process."""
    yield os.environ | {"TMPDIR": str(folder), "FLEET_DEMO": str(folder)}
    assert list(folder.iterdir()) == []
    left = []
    for one in psutil.process_iter():
        try:
            if one.environ().get("FLEET_DEMO") == str(folder):
                left.append(one.cmdline())
        except psutil.Error:  # it has just ended, or is another user's
            continue
    assert left == []


def test_the_demo_shows_a_killed_worker_and_leaves_nothing(folder: Path) -> None:
    with nothing_left(folder) as environment:
        done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
    for line in (
        "is killed while it redacts",
        'faceblur_jobs{state="done"} = 10',
        "stopped without a word",
        "10 clips are done",
    ):
        assert line in done.stdout


def test_an_interrupted_demo_leaves_nothing(folder: Path) -> None:
    with nothing_left(folder) as environment:
        demo = subprocess.Popen(
            COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert demo.stdout is not None
        for line in demo.stdout:
            if "running" in line:  # the workers work
                break
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=120)
        assert (demo.returncode, errors) == (130, "interrupted: everything is stopped\n")


def test_a_program_of_a_killed_demo_ends(tmp_path: Path) -> None:
    demo = "from pathlib import Path; from examples.fleet_demo import Program; import time; " + (
        f"print(Program('one', ['sleep', '600'], Path({str(tmp_path)!r})).process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", demo], cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        program = psutil.Process(int(killed.stdout.readline()))
        until(lambda: program.name() == "sleep")  # before that, setpriv has not asked for the signal yet
        killed.kill()
    try:
        program.wait(60)
    finally:
        with suppress(psutil.NoSuchProcess):
            program.kill()
