"""Starts the HTTP trigger with handlers that misbehave on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from faceblur.detection.local_function.function_yaml import FunctionConfig
from faceblur.detection.local_function.http_trigger import LocalFunction
from tests.conftest import ServerThread

ROOT = Path(__file__).parents[3]


Start = Callable[..., LocalFunction]


def config(handler: str = "tests.support.handlers:handler", **more: Any) -> FunctionConfig:
    env = {"PYTHONPATH": str(ROOT)} | more.pop("env", {})
    return FunctionConfig(handler=handler, env=env, **more)


def wait_for_files(folder: Path, count: int) -> None:
    """Wait until so many requests to `hold` are with their workers."""
    while len(list(folder.iterdir())) < count:
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(ServerThread(LocalFunction(config(**more))))
