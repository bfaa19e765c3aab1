"""FunctionClient: one batch of frames in, one checked answer out.

Requests are spread over the given URLs (load_balancing), as many at a time as the limit allows (concurrency_limit).
What may succeed is tried again (retry_policy), and a batch that is too large is halved (halving). A reply is used only
when every check passes (reply_checks).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Self, TypeVar

from faceblur.base.errors import FunctionError, InvalidReply, RequestRejected, RequestTooLarge, Unavailable
from faceblur.base.options import BATCH_SECONDS, REQUEST_SECONDS
from faceblur.detection import function_check
from faceblur.detection.adaptive_limit import Ticket
from faceblur.detection.concurrency_limit import ConcurrencyLimit
from faceblur.detection.exchange import AttemptFailed, ConnectionBroken, Response, Transport, Unreachable
from faceblur.detection.halving import Halving, halves, joined
from faceblur.detection.load_balancing import LoadBalancer
from faceblur.detection.reply import CheckedReply
from faceblur.detection.reply_checks import check_info, check_reply
from faceblur.detection.request_body import Sent, encode_request
from faceblur.detection.request_statistics import RequestStatistics
from faceblur.detection.retry_policy import BatchAttempts, check_status, patience, probe_attempts
from faceblur.detection.round_trips import RoundTrips, computing_seconds
from faceblur_function import wire

log = logging.getLogger("faceblur.client")
SMALL_BYTES = 32 << 10
BUSY_NOTICE_SECONDS = 15.0  # later than the end of the attempts at an address that cannot be reached
Result = TypeVar("Result")


class FunctionClient:
    """An async context manager over one transport.

    >>> async with FunctionClient(["http://127.0.0.1:8080"], concurrency=4) as client:
    ...     info = await client.probe()
    ...     answer = await client.send([jpeg_bytes], wire.RequestOptions(), return_frames=True)

    `concurrency` is the limit on the requests in flight. With `max_concurrency` the limit is adaptive: it starts at
    `concurrency` and is at most `max_concurrency`. `headers` go with every request; `ca_file` holds the authorities to
    trust instead of the system's; `timeout` bounds one request and `give_up_after` all attempts of one batch, in
    seconds. Another `transport` than HTTP takes the URLs for names.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        concurrency: int,
        max_concurrency: int | None = None,
        headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        timeout: float = REQUEST_SECONDS,
        give_up_after: float = BATCH_SECONDS,
        transport: Transport | None = None,
    ) -> None:
        self._balancer = LoadBalancer(urls)
        self._transport = transport or _http(headers, ca_file)
        self._timeout, self._give_up_after = timeout, give_up_after
        self._halving = Halving()
        self._round_trips = RoundTrips()
        self.limit = ConcurrencyLimit(concurrency, max_concurrency)
        self.statistics = RequestStatistics()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._transport.__aexit__(*error)

    async def probe(self) -> wire.Info:
        """Ask every URL what is loaded. Raises FunctionError, within seconds when one cannot be reached."""
        backends = list(self._balancer.backends)
        infos = await asyncio.gather(*(self._probe(backend.url) for backend in backends))
        if len({(info.model, info.weights_sha256) for info in infos}) > 1:
            log.warning("the functions run different models: %s", ", ".join(sorted({info.model for info in infos})))
        for backend, info in zip(backends, infos, strict=True):
            backend.model, backend.verifier, backend.digests = info.model, info.verifier, info.digests
        return infos[0]

    async def _probe(self, url: str) -> wire.Info:
        return await self._get(url, partial(_read_info, url))

    async def check(self) -> wire.Check:
        """Have the client's one URL find and hide one real face. Raises FunctionError unless it does."""
        (backend,) = self._balancer.backends
        url = function_check.check_url(backend.url)
        check = await self._get(url, partial(function_check.read_check, url))
        if check is None:
            start = time.monotonic()
            answer = await self.send([function_check.face()], function_check.OPTIONS, return_frames=True)
            check = function_check.verdict(answer, time.monotonic() - start)
        return function_check.require(backend.url, check)

    async def _get(self, url: str, read: Callable[[Response], Result]) -> Result:
        """What is read of the answer to a GET; while workers are busy it is waited for."""
        why, seconds = f"{url}: no answer yet: its workers may be busy", self._timeout

        def tell() -> None:
            log.warning("%s; waiting up to %g s", why, seconds)

        notice = asyncio.get_running_loop().call_later(BUSY_NOTICE_SECONDS, tell)
        try:
            async for attempt in probe_attempts(self._timeout):
                with attempt:
                    try:
                        return read(await self._transport.exchange(url, "GET", None, self._timeout))
                    except (Unreachable, ConnectionBroken) as error:
                        why, seconds = str(error), patience(error, self._timeout)
                        raise
        except InvalidReply as error:
            raise RequestRejected(f"{url} answers, but is no faceblur function: {error}") from error
        finally:
            notice.cancel()
        raise AssertionError("tenacity returns or raises")

    @property
    def verifier(self) -> str:
        """The name of the second detector, if all functions have the same; else an empty string."""
        names = {backend.verifier for backend in self._balancer.backends}
        return names.pop() if len(names) == 1 else ""

    async def send(
        self, images: Sequence[bytes], options: wire.RequestOptions, *, return_frames: bool, verify: bool = False
    ) -> CheckedReply:
        """Send encoded images as one batch, or as several when the platform takes no body of that size.

        `verify`: they are crops, and the second detector answers.
        Raises Unavailable, RequestRejected, RequestTooLarge or InvalidReply when there is no valid answer in the end,
        MemoryError when the memory here is not enough for a single image.
        """
        if not self._halving.is_needed(images):
            try:
                return await self._send_batch(images, options, return_frames, verify)
            except (RequestTooLarge, ConnectionBroken, MemoryError) as error:
                if len(images) == 1:
                    raise
                self._halving.learn(images, error)
        self.statistics.halvings += 1
        first, second = halves(images)
        return joined(
            await self.send(first, options, return_frames=return_frames, verify=verify),
            await self.send(second, options, return_frames=return_frames, verify=verify),
        )

    async def _send_batch(
        self, images: Sequence[bytes], options: wire.RequestOptions, return_frames: bool, verify: bool
    ) -> CheckedReply:
        """Raises ConnectionBroken when the batch is to be sent in halves, and what `send` raises."""
        encode = partial(encode_request, images, options, return_frames=return_frames, verify=verify)
        sent = await _in_thread_if_large(encode, sum(map(len, images)))
        batch = BatchAttempts(len(images), give_up_after=self._give_up_after, on_retry=self._count_retry)
        try:
            async for attempt in batch.attempts():
                with attempt:
                    waiting_since = time.monotonic()
                    async with self.limit.request() as ticket:
                        batch.exclude(time.monotonic() - waiting_since)
                        return await self._attempt(sent, ticket, return_frames, verify, batch.looks_first)
        except AttemptFailed as error:
            if batch.needs_halving(error):
                raise
            raise Unavailable(f"{error}; gave up after {batch.seconds():.0f} s") from error
        raise AssertionError("tenacity returns or raises")

    def _count_retry(self, error: BaseException) -> None:
        self.statistics.retries += 1
        log.info("%s", error)

    async def _attempt(
        self, sent: Sent, ticket: Ticket, return_frames: bool, verify: bool, looks_first: bool
    ) -> CheckedReply:
        try:
            with self._balancer.least_busy() as backend:
                if looks_first:
                    await self._look(backend.url)
                response = await self._transport.exchange(
                    backend.url, "POST", sent.body, self._timeout, sent.max_reply_bytes
                )
                if response.status == 503:
                    self.limit.refused()
                check_status(backend.url, response)
                check = partial(
                    check_reply,
                    *(response.content, sent),
                    return_frames=return_frames,
                    require_digests=backend.digests,
                    model=backend.verifier if verify else backend.model,
                )
                answer = await _in_thread_if_large(check, len(response.content))
        except FunctionError as error:
            self.statistics.ended(error)
            raise
        self.statistics.ended()
        self.limit.answered(ticket, response.seconds, computing_seconds(answer.timings_ms.values()))
        trip = self._round_trips.split(response, answer.timings_ms.values(), ticket.concurrent)
        self.statistics.add_seconds(network=trip.network, queue=trip.queue, computing=trip.computing)
        answer.timings_ms.update({"queue": trip.queue * 1000, self._transport.on_the_way: trip.network * 1000})
        return answer

    async def _look(self, url: str) -> None:
        """Return when something answers at a URL, whatever it is. Raises AttemptFailed."""
        try:
            await self._transport.exchange(url, "GET", None, self._timeout)
        except ConnectionBroken as error:
            raise Unreachable(str(error)) from error


def _http(headers: Mapping[str, str] | None, ca_file: str | None) -> Transport:
    # Not above: it takes a quarter of the time in which a run is loaded, which may need none.
    from faceblur.detection.http_transport import HttpTransport

    return HttpTransport(headers, ca_file)


def _read_info(url: str, response: Response) -> wire.Info:
    """What the function at a URL reports of itself. Raises FunctionError."""
    check_status(url, response)
    return check_info(url, response.content)


async def _in_thread_if_large(work: Callable[[], Result], size: int) -> Result:
    """The result of work on `size` bytes. For few bytes, to start it on a thread takes longer than the work."""
    return work() if size < SMALL_BYTES else await asyncio.to_thread(work)
