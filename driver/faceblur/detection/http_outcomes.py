"""How one HTTP exchange with the function ends: with a response, or with an error that another attempt may cure."""

from __future__ import annotations

from dataclasses import dataclass

from faceblur.base.errors import Unavailable


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
