"""The local function's worker processes, as their pool sees them: start, call, stop, pass their log on."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from typing import IO, Any

from faceblur.base.module_path import child_python_path
from faceblur.detection.local_function.function_yaml import FunctionConfig
from faceblur.detection.local_function.worker_messages import LENGTH, EncodedMessage

log = logging.getLogger("faceblur.function")
BUFFER_BYTES = 1 << 20  # a logged traceback is one line
START_SECONDS = 600.0  # to load the model; a slow network's download of the weights included


class WorkerDied(Exception):
    """A worker process ended. The message is what killed it, or the last line that it printed."""


class KeepsDying(WorkerDied):
    """One worker after the other died: another attempt cannot help, a smaller event may."""


class NoWorkerLeft(WorkerDied):
    """No worker could be started again: no event gets an answer any more."""


class Worker:
    """One worker process and the socket to it."""

    def __init__(self, config: FunctionConfig, number: int) -> None:
        self.config, self.number = config, number
        self._last_lines: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_readers: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def spawn(self) -> None:
        """Start the process, which loads its model in the background; `start` waits for that."""
        self.spawned_at = time.monotonic()
        self._socket, theirs = socket.socketpair()
        environment = os.environ | self.config.env
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-u", "-m", "faceblur.detection.local_function.worker_main"),
                    *(self.config.handler, str(theirs.fileno()), str(self.number)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment | {"PYTHONPATH": child_python_path(environment)},
                start_new_session=True,  # a Ctrl-C in the terminal is for the driver alone
            )

    async def start(self) -> None:
        """Wait until the process has run `init_context`; it is spawned if none runs. Raises WorkerDied."""
        if self._process is None or self._process.returncode is not None:
            self.spawn()
        assert self._process is not None and self._process.stdout is not None and self._process.stderr is not None
        pipes = (self._process.stdout, self._process.stderr)
        self._log_readers = [asyncio.create_task(self._pass_log_on(pipe)) for pipe in pipes]
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket, limit=BUFFER_BYTES)
        try:
            first = await asyncio.wait_for(self._receive(), START_SECONDS)
        except TimeoutError as error:
            raise WorkerDied(f"worker {self.number} was not ready within {START_SECONDS:g} s") from error
        if first != "ready":
            raise WorkerDied(f"worker {self.number} did not report that it is ready")

    async def call(self, message: EncodedMessage) -> dict[str, Any]:
        """The reply of the handler to one event. Raises WorkerDied."""
        try:
            for part in message:
                self._writer.write(part)
            await self._writer.drain()
        except ConnectionError as error:
            raise WorkerDied(await self._last_line()) from error
        reply: dict[str, Any] = await self._receive()
        return reply

    async def _receive(self) -> Any:
        try:
            header = await self._reader.readexactly(LENGTH.size)
            return pickle.loads(await self._reader.readexactly(LENGTH.unpack(header)[0]))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied(await self._last_line()) from error

    async def _last_line(self) -> str:
        assert self._process is not None
        code = await asyncio.to_thread(self._process.wait)
        await asyncio.gather(*self._log_readers)
        if code < 0:
            limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
            memory = ", perhaps out of memory" if code == -signal.SIGKILL or limited else ""
            return f"{signal.Signals(-code).name}{memory}"
        return self._last_lines[-1] if self._last_lines else f"exit code {code}"

    async def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        if hasattr(self, "_writer"):
            self._writer.close()
        # A restart that was cancelled has cancelled them too.
        await asyncio.gather(*self._log_readers, return_exceptions=True)
        self.kill()

    def kill(self) -> None:
        """End the process, even if it was only spawned, and close its pipes and its socket."""
        if self._process is not None:
            self._process.kill()
            with self._process, self._socket:
                pass

    async def _pass_log_on(self, pipe: IO[bytes]) -> None:
        """Pass what the worker prints on to our log, at the level that it gives."""
        stream = asyncio.StreamReader(limit=BUFFER_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            try:
                entry = json.loads(text)
                level, more = logging.getLevelNamesMapping()[entry["level"].upper()], entry.get("with") or {}
                details = "".join(f" {key}={value}" for key, value in more.items())
                log.log(level, "%s%s", entry["message"], details)
            except (ValueError, TypeError, KeyError):
                if text:
                    self._last_lines.append(text)
                    log.debug("worker %d: %s", self.number, text)
