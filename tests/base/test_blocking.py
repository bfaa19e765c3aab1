"""Async work from code that is not async, also where an event loop runs already."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from faceblur.base.blocking import run_blocking


async def where() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


async def fails() -> None:
    await asyncio.sleep(0)
    raise ValueError("no disk")


async def in_a_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """As a cell of a notebook calls it."""
    return run_blocking(work())


def test_the_result_is_returned() -> None:
    assert run_blocking(where()) == threading.current_thread().name
    assert asyncio.run(in_a_loop(where)) == "faceblur"


def test_an_error_is_raised() -> None:
    with pytest.raises(ValueError, match="no disk") as alone:
        run_blocking(fails())
    with pytest.raises(ValueError, match="no disk") as in_loop:
        asyncio.run(in_a_loop(fails))
    # The traceback is that of the error alone.
    assert alone.value.__context__ is None and in_loop.value.__context__ is None


@pytest.mark.parametrize("in_loop", [False, True])
def test_ctrl_c_cancels_the_work_and_waits_until_it_has_cleaned_up(in_loop: bool) -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            for _ in range(100):
                await asyncio.sleep(0)
            done.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        if in_loop:
            loop = asyncio.new_event_loop()  # not asyncio.run, which handles Ctrl-C itself; a notebook does not
            try:
                loop.run_until_complete(in_a_loop(work))
            finally:
                loop.close()
        else:
            run_blocking(work())
    assert done == ["cleaned up"]


def test_ctrl_c_ends_work_inside_a_running_event_loop() -> None:
    cleaned_up: list[bool] = []

    async def work() -> None:
        # Not before it runs: a busy machine may need long to begin it.
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.05)
            cleaned_up.append(True)

    async def caller() -> None:
        run_blocking(work())

    before, start = signal.getsignal(signal.SIGINT), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(caller())
    assert time.monotonic() - start < 80
    assert cleaned_up == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_work_in_another_thread_leaves_signals_alone() -> None:
    results: list[int] = []

    async def work() -> int:
        return 7

    async def caller() -> None:
        results.append(run_blocking(work()))

    thread = threading.Thread(target=lambda: asyncio.run(caller()))
    thread.start()
    thread.join(60)
    assert results == [7]
