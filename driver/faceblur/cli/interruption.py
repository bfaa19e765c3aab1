"""Ends a command on Ctrl-C, SIGTERM and SIGHUP: in two seconds, whatever its threads are doing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from faceblur.base.atomic_files import remove_unfinished

INTERRUPTED = 128 + signal.SIGINT
# For the stages of each file to close it. What takes longer waits in native code, such as for a disk.
GRACE_SECONDS = 1.5
NOTICE_SECONDS = 0.2  # for a last line on a terminal or a pipe that may take no more


def ending_signals() -> list[signal.Signals]:
    """The signals that end a command. SIGHUP, of a closed terminal, is none under nohup."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM] + ([] if ignored else [signal.SIGHUP])


class Interruption:
    """Cancels a task when one of `ending_signals` arrives. A context manager, to be used in the main thread.

    When the context is still open `grace` seconds later, unfinished files are removed, `notice` is called, and the
    process ends with `code`.
    """

    def __init__(self, notice: Callable[[], None], grace: float = GRACE_SECONDS) -> None:
        self._notice, self._grace, self.code = notice, grace, INTERRUPTED
        self._signalled, self._waking = socket.socketpair()
        self._cancel: Callable[[], object] | None = None
        self._is_requested, self._ended = False, threading.Event()

    def cancels(self, task: asyncio.Task[Any]) -> None:
        """Have a signal, also one that came before, cancel this task of the running event loop."""
        loop = asyncio.get_running_loop()
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self._is_requested:
            task.cancel()

    def request(self, code: int) -> None:
        """End the command as a signal does, with another exit code."""
        self.code = code
        self._waking.send(b"\0")

    def __enter__(self) -> Self:
        # Not `loop.add_signal_handler`: the loop does not see a signal while its thread is busy. Python's own C handler
        # writes a byte at once, whatever thread gets the signal.
        self._waking.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, lambda *_: None) for number in ending_signals()}
        threading.Thread(target=self._watch, name="interruption", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._waking.close()  # which ends the thread

    def _watch(self) -> None:
        with self._signalled:
            if not self._signalled.recv(1):
                return
            self._is_requested = True
            if self._cancel is not None and not self._ended.is_set():
                self._cancel()
            if self._ended.wait(self._grace):
                return
        try:
            remove_unfinished()
            # In a thread: the stream may take nothing any more, or its lock be held by a thread that waits for it.
            last = threading.Thread(target=self._notice, daemon=True)
            last.start()
            last.join(NOTICE_SECONDS)
        finally:
            os._exit(self.code)
