"""FunctionClient: one batch of frames in, one checked answer out.

Requests are spread over the given URLs. What may pass on a second try (408, 5xx, resets, time-outs, a damaged answer)
is tried again with exponential backoff and jitter until `give_up_after` seconds; a body that the platform calls too
large is halved; 503 lowers the number of requests under way. An answer is used only when every check holds.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
import ssl
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import tenacity
from pydantic import ValidationError

from driver.errors import InvalidReply, RequestRejected, RequestTooLarge, Unavailable, UsageError
from driver.exchange import Answer, check_reply, encode_request
from driver.pressure import Pressure
from function import wire

log = logging.getLogger("faceblur.client")
PROBE_SECONDS = 10.0
# Waiting does not cure an answer that fails a check: a lossy network gets this many tries, then the function is wrong.
INVALID_REPLIES = 10
# A platform that refuses a large body may reset the connection before the client has read why.
RESETS_BEFORE_HALVING = 3
HINTS = {401: "; give credentials with --header 'Authorization: …'", 403: "; see --header", 404: "; is the URL right?"}
RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})


class _TryAgain(Unavailable):
    """No answer this time."""


class _Reset(_TryAgain):
    """The connection broke while the request was under way."""


@dataclass(slots=True)
class _Endpoint:
    url: str
    digests: bool = False
    active: int = 0
    resting_until: float = 0.0


@dataclass(slots=True)
class Statistics:
    """Counted over the client's life."""

    requests: int = 0
    retries: int = 0
    refusals: int = 0
    halvings: int = 0

    def trouble(self) -> str:
        """What did not go smoothly, in one line; empty when everything did."""
        found = [
            f"{self.retries} were tried again" if self.retries else "",
            f"{self.refusals} came when the function was busy (503)" if self.refusals else "",
            f"{self.halvings} batches were sent in halves" if self.halvings else "",
        ]
        told = ", ".join(filter(None, found))
        return f"of {self.requests} requests {told}" if told else ""


class FunctionClient:
    """An async context manager over one HTTP session.

    >>> async with FunctionClient(["http://127.0.0.1:8080"], concurrency=4) as client:
    ...     info = await client.probe()
    ...     answer = await client.send([jpeg_bytes], wire.Options(), return_frames=True)

    `headers` go with every request; `ca_file` holds the authorities to trust instead of the system's; `timeout` bounds
    one request and `give_up_after` all tries of one batch, in seconds.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        concurrency: int,
        headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        timeout: float = 120.0,
        give_up_after: float = 300.0,
    ) -> None:
        self._endpoints = [_Endpoint(url) for url in urls]
        self._headers = dict(headers or {})
        self._ssl = _trust(ca_file)
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(10.0, timeout))
        self._give_up_after = give_up_after
        self._too_large: float = math.inf  # bytes of base64 that the platform is known to refuse
        self.pressure = Pressure(concurrency)
        self.statistics = Statistics()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._ssl, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, timeout=self._timeout, auto_decompress=True
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def probe(self) -> wire.Info:
        """Ask every URL what is loaded. Raises FunctionError within seconds when one is no faceblur function."""
        infos = await asyncio.gather(*(self._probe(endpoint) for endpoint in self._endpoints))
        if len({(info.model, info.weights_sha256) for info in infos}) > 1:
            log.warning("the functions run different models: %s", ", ".join(sorted({info.model for info in infos})))
        for endpoint, info in zip(self._endpoints, infos, strict=True):
            endpoint.digests = info.digests
        return infos[0]

    async def _probe(self, endpoint: _Endpoint) -> wire.Info:
        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_TryAgain),
            stop=tenacity.stop_after_delay(PROBE_SECONDS / 2),
            wait=tenacity.wait_random_exponential(multiplier=0.25, max=2),
            reraise=True,
        ):
            with attempt:
                timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS / 2)
                status, content = await self._exchange(endpoint, "GET", None, timeout)
                _check_status(endpoint.url, status, content)
                try:
                    return wire.Info.model_validate_json(content)
                except ValidationError as error:
                    raise RequestRejected(f"{endpoint.url} answers, but is no faceblur function") from error
        raise AssertionError("tenacity returns or raises")

    async def send(self, images: Sequence[bytes], options: wire.Options, *, return_frames: bool) -> Answer:
        """Send encoded images as one batch, or as several when the platform takes no body of that size.

        Raises Unavailable, RequestRejected, RequestTooLarge or InvalidReply when there is no good answer in the end.
        """
        texts = [wire.encode_base64(image) for image in images]
        return await self._send(texts, options, return_frames)

    async def _send(self, texts: Sequence[str], options: wire.Options, return_frames: bool) -> Answer:
        size = sum(map(len, texts))
        if size < self._too_large or len(texts) == 1:
            try:
                return await self._retry(texts, options, return_frames)
            except RequestTooLarge:
                if len(texts) == 1:
                    raise
                self._too_large = min(size, self._too_large)
                log.info("a body of %d bytes is too large for the platform: sent in halves", size)
            except _Reset:
                if len(texts) == 1:
                    raise
                log.info("the connection broke %d times: the batch is sent in halves", RESETS_BEFORE_HALVING)
        self.statistics.halvings += 1
        middle = len(texts) // 2
        first = await self._send(texts[:middle], options, return_frames)
        second = await self._send(texts[middle:], options, return_frames)
        return Answer(
            model=first.model,
            device=first.device,
            faces=first.faces + second.faces,
            frames=None if first.frames is None or second.frames is None else first.frames + second.frames,
            timings_ms=dict(Counter(first.timings_ms) + Counter(second.timings_ms)),
        )

    async def _retry(self, texts: Sequence[str], options: wire.Options, return_frames: bool) -> Answer:
        failures: Counter[type[BaseException]] = Counter()

        def may_pass_again(error: BaseException) -> bool:
            failures[type(error)] += 1
            if isinstance(error, InvalidReply):
                again = failures[InvalidReply] < INVALID_REPLIES
            elif isinstance(error, _Reset) and len(texts) > 1:
                again = failures[_Reset] < RESETS_BEFORE_HALVING
            else:
                again = isinstance(error, _TryAgain)
            if again:
                self.statistics.retries += 1
                log.info("%s", error)
            return again

        body = await asyncio.to_thread(encode_request, texts, options, return_frames=return_frames)
        start, waited = time.monotonic(), 0.0

        def patience_is_over(state: tenacity.RetryCallState) -> bool:
            # Time spent waiting behind other requests of ours is not the function's, and one try is none.
            tried = time.monotonic() - start - waited
            return state.attempt_number > 1 and tried >= self._give_up_after

        try:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception(may_pass_again),
                stop=patience_is_over,
                wait=tenacity.wait_random_exponential(multiplier=0.25, max=10),
                reraise=True,
            ):
                with attempt:
                    asked = time.monotonic()
                    async with self.pressure.slot():
                        waited += time.monotonic() - asked
                        return await self._once(body, texts, return_frames)
        except _TryAgain as error:
            if isinstance(error, _Reset) and len(texts) > 1:
                raise
            raise Unavailable(f"{error}; gave up after {time.monotonic() - start:.0f} s") from error
        raise AssertionError("tenacity returns or raises")

    async def _once(self, body: bytes, texts: Sequence[str], return_frames: bool) -> Answer:
        endpoint = self._pick()
        endpoint.active += 1
        start = time.perf_counter()
        try:
            status, content = await self._exchange(endpoint, "POST", body, self._timeout)
            if status == 503:
                self.statistics.refusals += 1
                self.pressure.lower()
            _check_status(endpoint.url, status, content)
            answer = await asyncio.to_thread(
                check_reply,
                *(content, texts),
                return_frames=return_frames,
                require_digests=endpoint.digests,
            )
        except _TryAgain:
            endpoint.resting_until = time.monotonic() + 1
            raise
        finally:
            endpoint.active -= 1
            self.statistics.requests += 1
        self.pressure.raise_()
        seconds = time.perf_counter() - start
        answer.timings_ms["queue"] = max(0.0, seconds * 1000 - sum(answer.timings_ms.values()))
        return answer

    def _pick(self) -> _Endpoint:
        """The least busy URL; one that just failed rests while another is awake."""
        now = time.monotonic()
        chosen = min(self._endpoints, key=lambda endpoint: (endpoint.resting_until > now, endpoint.active))
        self._endpoints.remove(chosen)
        self._endpoints.append(chosen)
        return chosen

    async def _exchange(
        self, endpoint: _Endpoint, method: str, body: bytes | None, limits: aiohttp.ClientTimeout
    ) -> tuple[int, bytes]:
        """One HTTP request: status and body. The one place where aiohttp's exceptions become ours."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        url = endpoint.url
        try:
            async with self._session.request(
                method,
                url,
                data=io.BytesIO(body) if body else None,
                headers=headers,
                timeout=limits,
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except aiohttp.ClientConnectorCertificateError as error:
            raise RequestRejected(f"{url}: its certificate is not trusted ({error}); see --ca-file") from error
        except aiohttp.ClientConnectorError as error:
            raise _TryAgain(f"{url}: cannot connect: {error.os_error.strerror or error}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError) as error:
            raise RequestRejected(f"{url} is no HTTP address") from error
        except TimeoutError as error:
            raise _TryAgain(f"{url}: no answer within {limits.total:g} s") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise _Reset(f"{url}: the connection broke: {error or type(error).__name__}") from error


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--ca-file {ca_file}: {error.strerror or error}") from error


def _check_status(url: str, status: int, content: bytes) -> None:
    """Sort an HTTP status into success, try again, too large, and refused for good."""
    if status == 200:
        return
    message = _message(content)
    if status == 413 or (status == 400 and b"Error when parsing request" in content[:200]):
        raise RequestTooLarge(f"{url}: the body is too large for the platform, even with a single frame")
    if status in RETRIED_STATUS:
        raise _TryAgain(f"{url}: HTTP {status} {message}".rstrip())
    raise RequestRejected(f"{url}: HTTP {status} {message}".rstrip() + HINTS.get(status, ""))


def _message(content: bytes) -> str:
    """What an error body says, in one short line."""
    try:
        return str(json.loads(content)["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError):
        lines = content[:400].decode(errors="replace").split("\n")
        return lines[0][:200]
