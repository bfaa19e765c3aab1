"""What is tried again, how often and for how long.

- HTTP 408, 429, 500, 502, 503, 504, a time-out, no connection: again, until `give_up_after` seconds have passed.
- A connection that breaks: the same for a single frame. A batch of several frames: MAX_BREAKS_BEFORE_HALVING attempts,
  each while the function answers `GET /`, then it is sent in halves. Docker takes connections for a container that is
  away, and breaks them.
- A reply that fails a check: MAX_INVALID_REPLIES attempts.
- HTTP 413, or 400 when the platform could not parse the body: the batch is sent in halves. A single frame is an error.
- Any other status, or a certificate that is not trusted: an error at once.

A function that cannot be reached is asked again at short intervals, so that it is used as soon as it is back. One that
answers with a failure gets exponential backoff, and no attempt before the time that its `Retry-After` states; but the
last one is made when it is time to give up. Both have jitter.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable

import tenacity

from faceblur.base.errors import InvalidReply, RequestRejected, RequestTooLarge
from faceblur.base.printable import printable
from faceblur.detection.exchange import AttemptFailed, Busy, ConnectionBroken, Response, Unreachable
from faceblur.detection.retry_after import bounded_wait

RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})
HINTS = {401: "; give credentials with --header 'Authorization: …'", 403: "; see --header", 404: "; is the URL right?"}
OLDER = "; it may be of an older version than this program: deploy it again"
# Between two attempts at a function that is away, in seconds. A refused connection costs next to nothing.
AWAY_SECONDS = (0.25, 0.75)
# The first of the exponentially growing bounds of the wait after a failure that is answered, in seconds, and the last.
FIRST_BACKOFF, MAX_BACKOFF, MAX_PROBE_BACKOFF = 0.25, 10.0, 2.0
# A URL that cannot be reached for this long is a wrong one; a function that can be reached may be busy. Where something
# takes connections and breaks them, a function may be starting: docker does so for a container that loads its model.
MAX_UNREACHABLE_SECONDS, MAX_BROKEN_SECONDS = 5.0, 30.0
# Waiting does not cure a reply that fails a check: a lossy network gets this many attempts, then the function is wrong.
MAX_INVALID_REPLIES = 10
# A platform that refuses a large body may reset the connection before the client has read why.
MAX_BREAKS_BEFORE_HALVING = 3


def check_status(url: str, response: Response) -> None:
    """Return for HTTP 200. Raises AttemptFailed, RequestTooLarge or RequestRejected for any other status."""
    status, content = response.status, response.content
    if status == 200:
        return
    answer = f"{response.protocol} {status} {printable(_message(content))}".rstrip()
    if status == 413 or (status == 400 and b"Error when parsing request" in content[:200]):
        why = "the body is too large for the platform; see maxRequestBodySize in function.yaml"
        raise RequestTooLarge(f"{url}: even with a single frame {why}")
    if status == 507:
        raise RequestTooLarge(f"{url}: even with a single frame: {answer}")
    if status in RETRIED_STATUS:
        kind = Busy if status == 503 else AttemptFailed
        failure = kind(f"{url}: {answer}")
        failure.retry_after = response.retry_after
        raise failure
    hint = OLDER if b'"unknown_field"' in content[:200] else HINTS.get(status, "")
    raise RequestRejected(f"{url}: {answer}{hint}")


def _message(content: bytes) -> str:
    """The message of an error body, in one short line."""
    try:
        return str(json.loads(content)["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        lines = content[:400].decode(errors="replace").split("\n")
        return lines[0][:200]


def patience(error: BaseException | None, timeout: float) -> float:
    """For how many seconds a URL is asked from the first attempt on, when the last one ended with this error."""
    if isinstance(error, Unreachable) and not error.listens:
        return MAX_UNREACHABLE_SECONDS
    return min(MAX_BROKEN_SECONDS, timeout) if isinstance(error, (Unreachable, ConnectionBroken)) else timeout


def probe_attempts(timeout: float) -> tenacity.AsyncRetrying:
    """The attempts to reach a URL, for the time that `patience` says. The error of the last one is raised."""

    def is_over(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return (state.seconds_since_start or 0) >= patience(error, timeout)

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(AttemptFailed),
        stop=is_over,
        wait=_Wait(MAX_PROBE_BACKOFF, lambda state: timeout - (state.seconds_since_start or 0)),
        reraise=True,
    )


class _Wait(tenacity.wait.wait_base):
    """The seconds from a failure to the next attempt. They grow, up to `longest`, with each failure that is answered.

    Time in which the function was away does not make them grow. Where the answer states a time to wait, that counts,
    but no more than is `left` before giving up.
    """

    def __init__(self, longest: float, left: Callable[[tenacity.RetryCallState], float]) -> None:
        self._longest, self._left, self._bound = longest, left, FIRST_BACKOFF

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, (Unreachable, ConnectionBroken)):
            self._bound = FIRST_BACKOFF
            return random.uniform(*AWAY_SECONDS)
        bound, self._bound = self._bound, min(2 * self._bound, self._longest)
        stated = error.retry_after if isinstance(error, AttemptFailed) else None
        return bounded_wait(random.uniform(0, bound), stated, self._left(retry_state))


class BatchAttempts:
    """The attempts to send one batch of so many frames. `on_retry` gets each failure that is to be tried again."""

    def __init__(self, frames: int, *, give_up_after: float, on_retry: Callable[[BaseException], None]) -> None:
        self._divisible, self._give_up_after, self._on_retry = frames > 1, give_up_after, on_retry
        self._failures: Counter[type[BaseException]] = Counter()
        self._start, self._excluded_seconds = time.monotonic(), 0.0

    def attempts(self) -> tenacity.AsyncRetrying:
        """For `async for attempt in …: with attempt: …`. The error of the last attempt is raised."""
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._is_retried),
            stop=self._is_over,
            wait=_Wait(MAX_BACKOFF, lambda _: self._give_up_after - (self.seconds() - self._excluded_seconds)),
            reraise=True,
        )

    def exclude(self, seconds: float) -> None:
        """Do not count these seconds against the function: the batch waited behind other requests of the client."""
        self._excluded_seconds += seconds

    @property
    def looks_first(self) -> bool:
        """Whether the next attempt has to see first that the function answers, so that a break speaks for the body."""
        return self._divisible and self._failures[ConnectionBroken] > 0

    def needs_halving(self, error: BaseException) -> bool:
        """Whether the batch is sent in halves, after MAX_BREAKS_BEFORE_HALVING such failures."""
        return isinstance(error, ConnectionBroken) and self._divisible

    def seconds(self) -> float:
        """Since the first attempt, whatever was waited for."""
        return time.monotonic() - self._start

    def _is_retried(self, error: BaseException) -> bool:
        self._failures[type(error)] += 1
        if isinstance(error, InvalidReply):
            again = self._failures[InvalidReply] < MAX_INVALID_REPLIES
        elif self.needs_halving(error):
            again = self._failures[ConnectionBroken] < MAX_BREAKS_BEFORE_HALVING
        else:
            again = isinstance(error, AttemptFailed)
        if again:
            self._on_retry(error)
        return again

    def _is_over(self, state: tenacity.RetryCallState) -> bool:
        """At least two attempts are made, whatever the time."""
        return state.attempt_number > 1 and self.seconds() - self._excluded_seconds >= self._give_up_after
