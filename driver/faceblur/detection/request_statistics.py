"""Statistics of a client's requests: counts, and where their time went."""

from __future__ import annotations

from dataclasses import dataclass


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
            f"{self.retries} were tried again" if self.retries else "",
            f"{self.refusals} came when the function was busy (503)" if self.refusals else "",
            f"{self.halvings} batches were sent in halves" if self.halvings else "",
        ]
        listed = ", ".join(filter(None, counts))
        return f"of {self.requests} requests {listed}" if listed else ""
