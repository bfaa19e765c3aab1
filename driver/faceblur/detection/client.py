"""FunctionClient: one batch of frames in, one checked answer out.

Requests are spread over the given URLs. What may pass on a second try (408, 5xx, resets, time-outs, a damaged answer)
is tried again with exponential backoff and jitter until `give_up_after` seconds; a body that the platform calls too
large is halved; 503 lowers the number of requests under way. An answer is used only when every check holds.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import tenacity
from pydantic import ValidationError

from faceblur.base.errors import InvalidReply, RequestRejected, RequestTooLarge, Unavailable
from faceblur.detection.concurrency_limit import Pressure, Ticket
from faceblur.detection.reply_checks import Answer, Sent, check_reply, encode_request
from faceblur.detection.round_trips import RoundTrips, Trip, told_seconds
from faceblur.detection.transport import Reset, Transport, TryAgain, Unreachable, check_status
from faceblur_function import wire

log = logging.getLogger("faceblur.client")
# An address that cannot be reached for this long is a wrong one; a function that can be may be busy with other work.
REACHED_SECONDS = 5.0
FEW_BYTES = 32 << 10
Done = TypeVar("Done")
# Waiting does not cure an answer that fails a check: a lossy network gets this many tries, then the function is wrong.
INVALID_REPLIES = 10
# A platform that refuses a large body may reset the connection before the client has read why.
RESETS_BEFORE_HALVING = 3


@dataclass(slots=True)
class _Endpoint:
    url: str
    digests: bool = False
    active: int = 0
    resting_until: float = 0.0


@dataclass(slots=True)
class Statistics:
    """Counted over the client's life; the times are seconds, summed over requests."""

    requests: int = 0
    retries: int = 0
    refusals: int = 0
    halvings: int = 0
    network: float = 0.0
    queue: float = 0.0
    computing: float = 0.0

    def count(self, trip: Trip) -> None:
        self.network += trip.network
        self.queue += trip.queue
        self.computing += trip.computing

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

    `concurrency` bounds the requests under way; with `most_concurrency` it is only where they begin, and the number
    finds itself up to that. `headers` go with every request; `ca_file` holds the authorities to trust instead of the
    system's; `timeout` bounds one request and `give_up_after` all tries of one batch, in seconds.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        concurrency: int,
        most_concurrency: int | None = None,
        headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        timeout: float = 120.0,
        give_up_after: float = 300.0,
    ) -> None:
        self._endpoints = [_Endpoint(url) for url in urls]
        self._transport = Transport(headers, ca_file)
        self._timeout, self._give_up_after = timeout, give_up_after
        self._too_large: float = math.inf  # bytes of images that the platform is known to refuse
        self._round_trips = RoundTrips()
        self.pressure = Pressure(concurrency, most_concurrency)
        self.statistics = Statistics()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def probe(self) -> wire.Info:
        """Ask every URL what is loaded. Raises FunctionError, within seconds when one cannot be reached."""
        infos = await asyncio.gather(*(self._probe(endpoint) for endpoint in self._endpoints))
        if len({(info.model, info.weights_sha256) for info in infos}) > 1:
            log.warning("the functions run different models: %s", ", ".join(sorted({info.model for info in infos})))
        for endpoint, info in zip(self._endpoints, infos, strict=True):
            endpoint.digests = info.digests
        return infos[0]

    async def _probe(self, endpoint: _Endpoint) -> wire.Info:
        def is_over(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            patience = REACHED_SECONDS if isinstance(error, (Unreachable, Reset)) else self._timeout
            return (state.seconds_since_start or 0) >= patience

        told = f"{endpoint.url}: no answer yet: its workers may be busy; waiting up to {self._timeout:g} s"
        notice = asyncio.get_running_loop().call_later(REACHED_SECONDS, log.warning, told)
        try:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception_type(TryAgain),
                stop=is_over,
                wait=tenacity.wait_random_exponential(multiplier=0.25, max=2),
                reraise=True,
            ):
                with attempt:
                    response = await self._transport.exchange(endpoint.url, "GET", None, self._timeout)
                    check_status(endpoint.url, response.status, response.content)
                    try:
                        return wire.Info.model_validate_json(response.content)
                    except ValidationError as error:
                        raise RequestRejected(f"{endpoint.url} answers, but is no faceblur function") from error
        finally:
            notice.cancel()
        raise AssertionError("tenacity returns or raises")

    async def send(self, images: Sequence[bytes], options: wire.Options, *, return_frames: bool) -> Answer:
        """Send encoded images as one batch, or as several when the platform takes no body of that size.

        Raises Unavailable, RequestRejected, RequestTooLarge or InvalidReply when there is no good answer in the end.
        """
        size = sum(map(len, images))
        if size < self._too_large or len(images) == 1:
            try:
                return await self._retry(images, options, return_frames)
            except RequestTooLarge:
                if len(images) == 1:
                    raise
                self._too_large = min(size, self._too_large)
                log.info("%d bytes of images are too large for the platform: sent in halves", size)
            except Reset:
                if len(images) == 1:
                    raise
                log.info("the connection broke %d times: the batch is sent in halves", RESETS_BEFORE_HALVING)
        self.statistics.halvings += 1
        middle = len(images) // 2
        first = await self.send(images[:middle], options, return_frames=return_frames)
        second = await self.send(images[middle:], options, return_frames=return_frames)
        return Answer(
            model=first.model,
            device=first.device,
            faces=first.faces + second.faces,
            frames=None if first.frames is None or second.frames is None else first.frames + second.frames,
            timings_ms=dict(Counter(first.timings_ms) + Counter(second.timings_ms)),
        )

    async def _retry(self, images: Sequence[bytes], options: wire.Options, return_frames: bool) -> Answer:
        failures: Counter[type[BaseException]] = Counter()

        def may_pass_again(error: BaseException) -> bool:
            failures[type(error)] += 1
            if isinstance(error, InvalidReply):
                again = failures[InvalidReply] < INVALID_REPLIES
            elif isinstance(error, Reset) and len(images) > 1:
                again = failures[Reset] < RESETS_BEFORE_HALVING
            else:
                again = isinstance(error, TryAgain)
            if again:
                self.statistics.retries += 1
                log.info("%s", error)
            return again

        encode = partial(encode_request, images, options, return_frames=return_frames)
        sent = await _done(encode, sum(map(len, images)))
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
                    async with self.pressure.slot() as ticket:
                        waited += time.monotonic() - asked
                        return await self._once(sent, ticket, return_frames)
        except TryAgain as error:
            if isinstance(error, Reset) and len(images) > 1:
                raise
            raise Unavailable(f"{error}; gave up after {time.monotonic() - start:.0f} s") from error
        raise AssertionError("tenacity returns or raises")

    async def _once(self, sent: Sent, ticket: Ticket, return_frames: bool) -> Answer:
        endpoint = self._pick()
        endpoint.active += 1
        try:
            response = await self._transport.exchange(endpoint.url, "POST", sent.body, self._timeout)
            if response.status == 503:
                self.statistics.refusals += 1
                self.pressure.refused()
            check_status(endpoint.url, response.status, response.content)
            check = partial(
                check_reply,
                *(response.content, sent),
                return_frames=return_frames,
                require_digests=endpoint.digests,
            )
            answer = await _done(check, len(response.content))
        except TryAgain:
            endpoint.resting_until = time.monotonic() + 1
            raise
        finally:
            endpoint.active -= 1
            self.statistics.requests += 1
        self.pressure.answered(ticket, response.seconds, told_seconds(answer.timings_ms.values()))
        trip = self._round_trips.split(response, answer.timings_ms.values(), ticket.among)
        self.statistics.count(trip)
        answer.timings_ms.update(queue=trip.queue * 1000, network=trip.network * 1000)
        return answer

    def _pick(self) -> _Endpoint:
        """The least busy URL; one that just failed rests while another is awake."""
        now = time.monotonic()
        chosen = min(self._endpoints, key=lambda endpoint: (endpoint.resting_until > now, endpoint.active))
        self._endpoints.remove(chosen)
        self._endpoints.append(chosen)
        return chosen


async def _done(work: Callable[[], Done], size: int) -> Done:
    """The result of work on so many bytes, in a thread unless they are few: handing them over takes longer."""
    return work() if size < FEW_BYTES else await asyncio.to_thread(work)
