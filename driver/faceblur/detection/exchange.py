"""One exchange with the function: what a transport does, the response, and the ways in which it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from faceblur.base.errors import InvalidReply, Unavailable

# Of the answer to `GET /`, and of an error's body.
SMALL_BYTES = 64 << 10


class AttemptFailed(Unavailable):
    """No answer from this attempt. `retry_after` is the time to wait before the next in seconds, None where unknown."""

    retry_after: float | None = None


class Unreachable(AttemptFailed):
    """No connection. `listens`: something took it, and broke it at once."""

    listens = False


class ConnectionBroken(AttemptFailed):
    """The connection broke while the request was in flight."""


class Late(AttemptFailed):
    """No answer within the time for one request."""


class Busy(AttemptFailed):
    """The function had no worker for the request: HTTP 503."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, and the seconds that it took to send the body, to wait for an answer and to receive it.

    Errors put `protocol` before the status. `retry_after` is the time to wait before another attempt, in seconds, where
    the response states one.
    """

    status: int
    content: bytes
    sending: float
    waiting: float
    receiving: float
    retry_after: float | None = None
    protocol: str = "HTTP"

    @property
    def seconds(self) -> float:
        """How long the exchange took."""
        return self.sending + self.waiting + self.receiving


class Transport(Protocol):
    """An async context manager that takes requests to the function.

    `on_the_way` is what their time outside of the function is called.
    """

    on_the_way: str

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def exchange(
        self, url: str, method: str, body: bytes | None, seconds: float, max_bytes: int = SMALL_BYTES
    ) -> Response:
        """One request within so many seconds; any HTTP status is a response. Of an error's body the begin is enough.

        Raises AttemptFailed, InvalidReply for a body of more than `max_bytes`, RequestRejected when another attempt
        cannot help, RequestTooLarge when only a smaller one can.
        """


def too_large(max_bytes: int) -> InvalidReply:
    """The error for an answer of more bytes."""
    return InvalidReply(f"the answer is larger than {max_bytes} bytes, the most that what was sent can lead to")
