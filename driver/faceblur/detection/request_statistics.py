"""Statistics of a client's requests: how they ended, and where their time went."""

from __future__ import annotations

from dataclasses import dataclass, field

from faceblur.base.counted import counted
from faceblur.base.errors import InvalidReply, RequestRejected, RequestTooLarge
from faceblur.detection.exchange import AttemptFailed, Busy, ConnectionBroken, Late, Unreachable

# How a request ended, by its error; the first kind that fits counts.
OUTCOMES: dict[str, type[Exception] | None] = {
    "ok": None,
    "busy": Busy,
    "late": Late,
    "unreachable": Unreachable,
    "broken": ConnectionBroken,
    "too large": RequestTooLarge,
    "rejected": RequestRejected,
    "invalid": InvalidReply,
    "error": AttemptFailed,
}


@dataclass(slots=True)
class RequestStatistics:
    """Counted over the client's life. The times are seconds, summed over requests.

    `outcomes` counts requests by how they ended, as `OUTCOMES` lists it; each attempt is one.
    """

    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    retries: int = 0
    halvings: int = 0
    network: float = 0.0
    queue: float = 0.0
    computing: float = 0.0

    def ended(self, error: Exception | None = None) -> None:
        """Count a request that ended with this error, or with a valid reply."""
        fits = (name for name, kind in OUTCOMES.items() if kind is not None and isinstance(error, kind))
        self.outcomes["ok" if error is None else next(fits, "error")] += 1

    def add_seconds(self, *, network: float, queue: float, computing: float) -> None:
        """Add the seconds of one request."""
        self.network += network
        self.queue += queue
        self.computing += computing

    def trouble(self) -> str:
        """Retries, refusals and halved batches in one line; empty when there are none."""
        refusals = self.outcomes["busy"]
        counts = [
            f"{self.retries} tried again" if self.retries else "",
            f"{refusals} refused by a busy function (503)" if refusals else "",
            f"{counted(self.halvings, 'batch', 'batches')} sent in halves" if self.halvings else "",
        ]
        listed = ", ".join(filter(None, counts))
        return f"{counted(sum(self.outcomes.values()), 'request')}: {listed}" if listed else ""
