"""Statistics of a client's requests: counts, and where their time went."""

from __future__ import annotations

from dataclasses import dataclass

from faceblur.base.counted import counted


@dataclass(slots=True)
class RequestStatistics:
    """Counted over the client's life. The times are seconds, summed over requests."""

    requests: int = 0
    retries: int = 0
    refusals: int = 0
    halvings: int = 0
    network: float = 0.0
    queue: float = 0.0
    computing: float = 0.0

    def add_seconds(self, *, network: float, queue: float, computing: float) -> None:
        """Add the seconds of one request."""
        self.network += network
        self.queue += queue
        self.computing += computing

    def trouble(self) -> str:
        """Retries, refusals and halved batches in one line; empty when there are none."""
        counts = [
            f"{self.retries} tried again" if self.retries else "",
            f"{self.refusals} refused by a busy function (503)" if self.refusals else "",
            f"{counted(self.halvings, 'batch', 'batches')} sent in halves" if self.halvings else "",
        ]
        listed = ", ".join(filter(None, counts))
        return f"{counted(self.requests, 'request')}: {listed}" if listed else ""
