"""One HTTP exchange with the function, its phases timed: the only module that turns aiohttp's exceptions into ours."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from faceblur.base.errors import RequestRejected, Unavailable, UsageError

CONNECT_SECONDS = 10.0
# The kernel takes megabytes that it has not sent yet: with this bound, the end of writing is the end of sending.
UNSENT_BYTES = 128 << 10


class AttemptFailed(Unavailable):
    """No answer from this attempt."""


class Unreachable(AttemptFailed):
    """No connection."""


class ConnectionBroken(AttemptFailed):
    """The connection broke while the request was in flight."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, and the seconds that it took to send the body, to wait for an answer and to receive it."""

    status: int
    content: bytes
    sending: float
    waiting: float
    receiving: float

    @property
    def seconds(self) -> float:
        """How long the exchange took."""
        return self.sending + self.waiting + self.receiving


class _Body(io.BytesIO):
    """A body that records when its last piece was taken to be written."""

    taken = 0.0

    def read(self, size: int | None = -1) -> bytes:
        self.taken = time.perf_counter()
        return super().read(size)


class Transport:
    """An async context manager over one HTTP session. `headers` go with every request.

    `ca_file` holds the authorities to trust instead of the system's. Raises UsageError when it cannot be read.
    """

    def __init__(self, headers: Mapping[str, str] | None, ca_file: str | None) -> None:
        self._headers, self._ssl = dict(headers or {}), _trust(ca_file)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._ssl, limit=0, socket_factory=_socket)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, auto_decompress=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def exchange(self, url: str, method: str, body: bytes | None, seconds: float) -> Response:
        """One request within so many seconds; any HTTP status is a response.

        Raises AttemptFailed, or RequestRejected when another attempt cannot help.
        """
        start, data = time.perf_counter(), _Body(body or b"")
        try:
            async with self._session.request(
                method,
                url,
                data=data if body else None,
                headers={"Content-Type": "application/json"} if body is not None else {},
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds)),
                allow_redirects=False,
            ) as response:
                begun = time.perf_counter()
                content = await response.read()
                sent = min(data.taken or start, begun)
                return Response(
                    *(response.status, content),
                    sending=sent - start,
                    waiting=begun - sent,
                    receiving=time.perf_counter() - begun,
                )
        except aiohttp.ClientConnectorCertificateError as error:
            raise RequestRejected(f"{url}: its certificate is not trusted ({error}); see --ca-file") from error
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{url}: cannot connect: {error.os_error.strerror or error}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError) as error:
            raise RequestRejected(f"{url} is no HTTP address") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise Unreachable(f"{url}: cannot connect within {min(CONNECT_SECONDS, seconds):g} s") from error
        except TimeoutError as error:
            raise AttemptFailed(f"{url}: no answer within {seconds:g} s") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ConnectionBroken(f"{url}: the connection broke: {error or type(error).__name__}") from error


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    created = socket.socket(family, kind, protocol)
    created.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return created


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    """What aiohttp verifies servers by; True: the system's authorities, which it has loaded already."""
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--ca-file {ca_file}: {error.strerror or error}") from error
