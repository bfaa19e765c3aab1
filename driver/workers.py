"""The local function's worker processes, as seen from the HTTP server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import socket
import sys
from collections import deque
from typing import Any

from driver.config import FunctionConfig
from driver.worker import LENGTH

log = logging.getLogger("faceblur.function")
BUFFER_BYTES = 1 << 20  # a logged traceback is one line


class WorkerDied(Exception):
    """A worker process ended; the message is the last that it said."""


class Worker:
    """One worker process and the socket to it."""

    def __init__(self, config: FunctionConfig, number: int) -> None:
        self._config, self._number = config, number
        self._last_words: deque[str] = deque(maxlen=20)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self) -> None:
        """Start the process and wait until its `init_context` is done. Raises WorkerDied."""
        ours, theirs = socket.socketpair()
        folder = str(self._config.folder)
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-u", "-m", "driver.worker"),
                *(self._config.handler, str(theirs.fileno()), str(self._number)),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | self._config.env | {"PYTHONPATH": path},
                start_new_session=True,  # a Ctrl-C in the terminal is for the driver alone
                limit=BUFFER_BYTES,
            )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._pumps = [
            asyncio.create_task(self._pump(self._process.stdout)),
            asyncio.create_task(self._pump(self._process.stderr)),
        ]
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=BUFFER_BYTES)
        if await self._receive() != "ready":
            raise WorkerDied(f"worker {self._number} did not say that it is ready")

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Have one event handled. Raises WorkerDied."""
        content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self._writer.write(LENGTH.pack(len(content)))
            self._writer.write(content)
            await self._writer.drain()
        except ConnectionError as error:
            raise WorkerDied(await self._epitaph()) from error
        reply: dict[str, Any] = await self._receive()
        return reply

    async def _receive(self) -> Any:
        try:
            header = await self._reader.readexactly(LENGTH.size)
            return pickle.loads(await self._reader.readexactly(LENGTH.unpack(header)[0]))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied(await self._epitaph()) from error

    async def _epitaph(self) -> str:
        await self._process.wait()
        await asyncio.gather(*self._pumps)
        return self._last_words[-1] if self._last_words else f"exit code {self._process.returncode}"

    async def stop(self) -> None:
        if not hasattr(self, "_process"):
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if hasattr(self, "_writer"):
            self._writer.close()
        await asyncio.gather(*self._pumps)

    async def _pump(self, stream: asyncio.StreamReader) -> None:
        """Pass what the worker prints on to our log, at the level that it gave."""
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            try:
                entry = json.loads(text)
                level, more = logging.getLevelNamesMapping()[entry["level"].upper()], entry.get("with") or {}
                details = "".join(f" {key}={value}" for key, value in more.items())
                log.log(level, "%s%s", entry["message"], details)
            except (ValueError, TypeError, KeyError):
                if text:
                    self._last_words.append(text)
                    log.debug("worker %d: %s", self._number, text)
