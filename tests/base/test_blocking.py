"""Work that blocks inside a running event loop can be interrupted."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from faceblur.base.blocking import run_blocking


def test_ctrl_c_ends_work_inside_a_running_event_loop() -> None:
    cleaned_up: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0.05)
            cleaned_up.append(True)

    async def caller() -> None:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        run_blocking(work())

    before, start = signal.getsignal(signal.SIGINT), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(caller())
    assert time.monotonic() - start < 10
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
    thread.join(10)
    assert results == [7]
