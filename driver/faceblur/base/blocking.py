"""Runs async work from code that is not async: the API's functions block, its sessions do not."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

Done = TypeVar("Done")
WAIT_SECONDS = 0.1


def run_blocking(work: Coroutine[Any, Any, Done]) -> Done:
    """Run async work to its end, also where an event loop runs already, as in a notebook.

    Ctrl-C cancels the work, and waits until it has cleaned up.
    """
    return _run_in_thread(work) if _is_loop_running() else asyncio.run(work)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(work: Coroutine[Any, Any, Done]) -> Done:
    """Run work in an event loop of a thread of its own."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    ended = threading.Event()

    def run() -> None:
        try:
            loop.run_until_complete(asyncio.wait([task]))
        finally:
            loop.close()
            ended.set()

    thread = threading.Thread(target=run, name="faceblur")
    try:
        with _interrupted_at_once():
            thread.start()
            # Not `Thread.join`: before Python 3.13 a Ctrl-C in it makes the thread count as ended. And not without a
            # time: a Ctrl-C just before a wait does not end it.
            while not ended.wait(WAIT_SECONDS):
                continue
    except KeyboardInterrupt:
        with suppress(RuntimeError):  # the loop is closed: the work has just ended
            loop.call_soon_threadsafe(task.cancel)
        if thread.ident is not None:  # it has been started
            ended.wait()
        raise
    return task.result()


@contextmanager
def _interrupted_at_once() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt here. `asyncio.run` handles the first one only once its loop goes on."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
