"""A port of the loopback that nobody else gets while a test needs it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that servers of the test can listen on, one after the other: the system gives it to nobody else.

    It is bound here, without listening. Servers can bind it too as they set SO_REUSEADDR, which most do.
    """
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
