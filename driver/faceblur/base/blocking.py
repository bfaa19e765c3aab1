"""Runs async work from code that is not async: the API's functions block, its sessions do not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Done = TypeVar("Done")


def run_blocking(work: Coroutine[Any, Any, Done]) -> Done:
    """Run async work to its end, also where an event loop runs already, as in a notebook.

    Ctrl-C cancels the work, and waits until it has cleaned up.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _run_in_thread(work)


def _run_in_thread(work: Coroutine[Any, Any, Done]) -> Done:
    """Run work in an event loop of a thread of its own."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    thread = threading.Thread(target=loop.run_until_complete, args=(asyncio.wait([task]),), name="faceblur")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    finally:
        if not thread.is_alive():
            loop.close()
    return task.result()
