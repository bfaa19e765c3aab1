"""A sandbox for deploy.sh, the real function for it to reach, and labels for its --gate."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import self_check
from tests.support.deploy_sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    made.answer()
    yield made
    pid = made.record / "kubectl.pid"
    if pid.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.fixture
def function(local_function: LocalFunction) -> str:
    """The URL of the real function, on this machine."""
    return local_function.url


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """The image of the check, with its face and one that is not there: a recall of 0.5."""
    folder = tmp_path / "labels"
    folder.mkdir()
    shutil.copy(self_check.IMAGE, folder / "a.jpg")
    (folder / "x_bbx_gt.txt").write_text("a.jpg\n2\n114 57 95 120 0 0 0 0 0 0\n0 200 30 30 0 0 0 0 0 0\n")
    return folder
