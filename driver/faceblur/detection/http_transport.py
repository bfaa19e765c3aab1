"""The exchange over HTTP, its phases timed: the only module that turns aiohttp's exceptions into ours."""

from __future__ import annotations

import errno
import io
import os
import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from typing import Self

import aiohttp

from faceblur.base.errors import InvalidReply, RequestRejected, UsageError
from faceblur.base.printable import printable
from faceblur.detection.exchange import SMALL_BYTES, ConnectionBroken, Late, Response, Unreachable, too_large
from faceblur.detection.retry_after import stated_seconds

CONNECT_SECONDS = 10.0
# An answer may be packed on the way: a list of faces shrinks to a tenth of its size.
HEADERS = {"Accept-Encoding": "gzip"}
GZIP = 16 + zlib.MAX_WBITS
# The kernel takes megabytes that it has not sent yet: with this bound, the end of writing is the end of sending.
UNSENT_BYTES = 128 << 10


class _Body(io.BytesIO):
    """A body that records when its last piece was taken to be written."""

    taken = 0.0

    def read(self, size: int | None = -1) -> bytes:
        self.taken = time.perf_counter()
        return super().read(size)


class HttpTransport:
    """The transport over one HTTP session. `headers` go with every request.

    `ca_file` holds the authorities to trust instead of the system's. Raises UsageError when it cannot be read.
    """

    on_the_way = "network"

    def __init__(self, headers: Mapping[str, str] | None, ca_file: str | None) -> None:
        self._headers, self._ssl = dict(headers or {}), _trust(ca_file)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._ssl, limit=0, socket_factory=_socket)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def exchange(
        self, url: str, method: str, body: bytes | None, seconds: float, max_bytes: int = SMALL_BYTES
    ) -> Response:
        start, data = time.perf_counter(), _Body(body or b"")
        try:
            async with self._session.request(
                method,
                url,
                data=data if body else None,
                headers=HEADERS | ({"Content-Type": "application/json"} if body is not None else {}),
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds)),
                allow_redirects=False,
            ) as response:
                begun = time.perf_counter()
                content = await bounded_body(response, max_bytes if response.status == 200 else SMALL_BYTES)
                sent = min(data.taken or start, begun)
                return Response(
                    *(response.status, content),
                    sending=sent - start,
                    waiting=begun - sent,
                    receiving=time.perf_counter() - begun,
                    retry_after=stated_seconds(response.headers.get("Retry-After", "")),
                )
        except aiohttp.ClientConnectorCertificateError as error:
            raise RequestRejected(f"{url}: its certificate is not trusted ({error}); see --ca-file") from error
        except aiohttp.ClientConnectorError as error:
            failure = Unreachable(f"{url}: cannot connect: {_reason(error.os_error)}")
            failure.listens = isinstance(error.os_error, ConnectionResetError)
            raise failure from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError) as error:
            raise RequestRejected(f"{url} is no HTTP address") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise Unreachable(f"{url}: cannot connect within {min(CONNECT_SECONDS, seconds):g} s") from error
        except TimeoutError as error:
            raise Late(f"{url}: no answer within {seconds:g} s") from error
        except (aiohttp.ClientError, ConnectionError, zlib.error) as error:
            raise ConnectionBroken(f"{url}: the connection broke: {error or type(error).__name__}") from error


async def bounded_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body of a response, unpacked; of an error's the first `max_bytes`. Raises InvalidReply where it is larger."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise InvalidReply(f"the answer is packed by {printable(encoding)[:40]}, which nobody asked for")
    unpacking = None if encoding == "identity" else zlib.decompressobj(GZIP)
    pieces, left = [], max_bytes + 1
    async for packed in response.content.iter_any():
        piece = packed[:left] if unpacking is None else unpacking.decompress(packed, left)
        pieces.append(piece)
        left -= len(piece)
        if not left and response.status == 200:
            raise too_large(max_bytes)
        if not left:
            break
    if left and unpacking is not None and not unpacking.eof:
        raise ConnectionResetError("the packed answer is not complete")
    return b"".join(pieces)


def _reason(error: OSError) -> str:
    """Why a connection failed, in the system's words, which asyncio replaces by its own."""
    if "Connect call failed" not in str(error):
        return error.strerror or str(error)
    numbers = {error.errno} if error.errno else {int(one) for one in re.findall(r"\[Errno (\d+)\]", str(error))}
    reasons = ", ".join(os.strerror(one) for one in sorted(numbers)) or str(error)
    return f"{reasons}; does a function run there?" if errno.ECONNREFUSED in numbers else reasons


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    created = socket.socket(family, kind, protocol)
    created.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return created


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    """What aiohttp verifies servers by; True: the system's authorities, which it has loaded already."""
    if ca_file is None:
        return True
    if not os.path.isfile(ca_file):  # to open a FIFO would block
        raise UsageError(f"--ca-file {ca_file}: no regular file")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--ca-file {ca_file}: {error.strerror or error}") from error
