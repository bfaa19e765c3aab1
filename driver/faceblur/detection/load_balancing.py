"""Which of the function's URLs gets the next request: the least busy one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from faceblur.detection.exchange import AttemptFailed

REST_SECONDS = 1.0  # after a failure, while another URL is available


@dataclass(slots=True)
class Backend:
    """One URL of the function, the `model` that it runs, and its second detector, the `verifier` ("" for none).

    `digests`: its replies have them; `active`: requests in flight there.
    """

    url: str
    model: str | None = None
    verifier: str = ""
    digests: bool = False
    active: int = 0
    resting_until: float = 0.0


class LoadBalancer:
    """Spreads requests over `backends`, which are in the order of their last use."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.backends = [Backend(url) for url in urls]

    @contextmanager
    def least_busy(self) -> Iterator[Backend]:
        """The backend for one request, which is in flight there until the context ends."""
        backend = self._pick()
        backend.active += 1
        try:
            yield backend
        except AttemptFailed as error:
            now, stated = time.monotonic(), error.retry_after
            backend.resting_until = now + (REST_SECONDS if stated is None else stated)
            if stated is not None:  # another URL may take the request before
                error.retry_after = max(0.0, min(one.resting_until for one in self.backends) - now)
            raise
        finally:
            backend.active -= 1

    def _pick(self) -> Backend:
        now = time.monotonic()
        chosen = min(self.backends, key=lambda backend: (backend.resting_until > now, backend.active))
        self.backends.remove(chosen)
        self.backends.append(chosen)
        return chosen
