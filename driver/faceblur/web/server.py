"""Serves a review on this machine, to who has its link."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from faceblur.base.errors import UsageError

# Seconds in which an answer that has begun is completed when the server ends.
GRACE = 1


class ReviewServer:
    """Serves an application on this machine only. An async context manager. Raises UsageError where the port is taken.

    `url` is its address.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._port = app, port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        try:
            self._socket = socket.create_server(("127.0.0.1", self._port))
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise UsageError(f"port {self._port} cannot be used: {why}: choose another --port") from error
        self._port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_config=None,
            log_level="critical",  # errors are in the answers; uvicorn logs requests that the end cancels as errors too
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        return self

    async def until_closed(self) -> None:
        """Serve until the server ends, or this is cancelled."""
        await asyncio.shield(self._serving)

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        with suppress(asyncio.CancelledError):
            await self._serving
        self._socket.close()
